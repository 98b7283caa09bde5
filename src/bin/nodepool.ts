#!/usr/bin/env node
/** The `nodepool` command. */
import { start } from './program.ts';

start();
