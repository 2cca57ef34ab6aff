export { imageJob } from './image-job.js';
