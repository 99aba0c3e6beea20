// @ts-check
export { version } from "#core";
