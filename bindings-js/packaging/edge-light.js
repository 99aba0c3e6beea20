// This platform compiles modules itself and hands them out by import.
import "./edge-light-init.js";

export * from "../js/index.js";
