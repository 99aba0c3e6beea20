// The module's bytes are part of the file, and it is ready when the import is.
import "./inline-init.js";

export * from "../js/index.js";
