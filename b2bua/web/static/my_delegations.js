// The answer of an assistant who has been asked to work for an executive.

import {$$, api, busy, url} from "./base.js";

for (const button of $$("[data-accept]")) {
  button.addEventListener("click", () => busy(button, async () => {
    await api("POST", url`/executives/${button.closest("[data-executive]").dataset.executive}/acceptance`, {accept: button.dataset.accept === "yes"});
    location.reload();
  }));
}
