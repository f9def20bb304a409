// The delegation of one executive, for the executive and for an assistant who manages it.

import {$, ApiError, fill, notice} from "./base.js";
import {executiveEditor, loadExecutive} from "./executive.js";

const app = $("#app");

async function start() {
  const draft = await loadExecutive(app.dataset.key);
  await executiveEditor(app, draft, {self: app.dataset.own === "yes"});
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
