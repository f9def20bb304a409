// The sign-in form.
import {$, api} from "./base.js";
import {filled, onSubmit, refused, reveal} from "./account_forms.js";

const form = $("#sign-in");
reveal();
onSubmit(form, async () => {
  if (!filled(form, {account: "Write your extension or e-mail address.", password: "Write your password."})) return;
  const {account, password} = form.elements;
  try {
    const {data} = await api("POST", "/session", {account: account.value.trim(), password: password.value}, {stay: true});
    const next = form.dataset.next;
    location.assign(data.must_change ? `/change-password?next=${encodeURIComponent(next)}` : next);
  } catch (failure) {
    password.value = "";
    refused(form, failure);
    password.focus();
  }
});
