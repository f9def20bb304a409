// What somebody who was invited chooses.
import {$, api} from "./base.js";
import {agree, filled, onSubmit, problem, refused, reveal} from "./account_forms.js";

const form = $("#activate");
if (form) {
  reveal();
  onSubmit(form, async () => {
    problem(form, "pin", "");
    if (!filled(form, {password: "Choose a password.", again: "Write it once more."}) || !agree(form)) return;
    const {password, pin} = form.elements;
    try {
      const {data} = await api("POST", "/activation", {secret: form.dataset.secret, password: password.value, pin: pin.value.trim()}, {stay: true});
      location.replace(`/sign-in?account=${encodeURIComponent(data.account)}`);
    } catch (failure) {
      refused(form, failure);
    }
  });
}
