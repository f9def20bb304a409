// The change of the own password.
import {$, api, busy} from "./base.js";
import {agree, filled, onSubmit, refused, reveal} from "./account_forms.js";

const form = $("#change");
reveal();
onSubmit(form, async () => {
  if (!filled(form, {old: "Write the password that you have now.", password: "Choose a password.", again: "Write it once more."}) || !agree(form)) return;
  const {old, password} = form.elements;
  try {
    await api("PUT", "/session/password", {old: old.value, new: password.value}, {stay: true});
    location.assign(form.dataset.next);
  } catch (failure) {
    if (failure.status === 401) location.assign("/sign-in");
    else refused(form, failure);
  }
});
$("[data-leave]")?.addEventListener("click", (event) => busy(event.currentTarget, async () => {
  await api("DELETE", "/session", null, {stay: true});
  location.assign("/sign-in");
}));
