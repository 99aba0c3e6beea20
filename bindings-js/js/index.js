// @ts-check
export { version } from "#core";
export { ReorderBuffer } from "./buffer.js";
export * from "./errors.js";
export { map } from "./map.js";
export { Processor } from "./processor.js";
export { transform } from "./transform.js";
export { Failure, Lost } from "./values.js";
