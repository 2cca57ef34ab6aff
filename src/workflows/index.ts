export { imageGarbageCollection } from './collect-garbage.js';
export { imageJob } from './image-job.js';
export { imagePing } from './ping.js';
