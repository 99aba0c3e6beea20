import { initSync } from "#core";
import bytes from "#wasm";

initSync({ module: bytes });
