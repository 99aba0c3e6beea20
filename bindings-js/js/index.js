// @ts-check
export { ReorderBuffer } from "./buffer.js";
export {
  AttemptTimeoutError,
  BrokenError,
  CheckpointError,
  ClosedError,
  DeadlineExceededError,
  DuplicateError,
  FullError,
  GapTimeoutError,
  InOrderError,
  KeyHaltedError,
  LateError,
  NotRisingError,
  OptionsError,
  SourceRestartedError,
  TooFarError,
} from "./errors.js";
export { map } from "./map.js";
export { Processor } from "./processor.js";
export { transform } from "./transform.js";
export { Failure, Lost } from "./values.js";
export { version } from "./version.js";
