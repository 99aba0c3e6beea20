// This platform compiles modules itself and hands them out by import.
import "./workerd-init.js";

export * from "../js/index.js";
