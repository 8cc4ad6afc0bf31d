// Makes the component: node build.js POLICY WIT WORLD OUTPUT. Nothing of WASI goes into it.
import { writeFile } from 'node:fs/promises';

import { componentize } from '@bytecodealliance/componentize-js';

const [sourcePath, witPath, worldName, output] = process.argv.slice(2);
const disableFeatures = ['clocks', 'fetch-event', 'http', 'random', 'stdio'];
const { component } = await componentize({ sourcePath, witPath, worldName, disableFeatures });
await writeFile(output, component);
