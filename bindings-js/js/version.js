// @ts-check
import { package_version } from "#core";
import { construct } from "./trap.js";

export const version = () => construct(package_version);
