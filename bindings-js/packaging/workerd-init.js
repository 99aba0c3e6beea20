import { initSync } from "#core";
import module from "./inorder.wasm";

initSync({ module });
