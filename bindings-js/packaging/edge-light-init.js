import { initSync } from "#core";
import module from "./inorder.wasm?module";

initSync({ module });
