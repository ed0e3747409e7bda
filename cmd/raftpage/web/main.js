// The page: connects its parts.

import { onChange, showError } from "./state.js";
import * as stage from "./stage.js";
import * as logs from "./logs.js";
import * as says from "./says.js";
import * as panel from "./panel.js";
import * as record from "./record.js";
import * as time from "./time.js";
import * as coach from "./coach.js";
import * as menu from "./menu.js";

for (const part of [stage, logs, says, panel, record, time, coach]) onChange(part.draw);
menu.listen();
coach.listen();
try {
  await menu.begin();
  time.start();
} catch (error) {
  showError(error.message);
}
