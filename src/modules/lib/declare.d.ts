/** Put in by scripts/modules.ts, from the documentation of the module that is built. */
declare const MODULE_OPTIONS: import('./options.ts').Options;
