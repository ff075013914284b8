// BullMQ with jobs of 1 KB: prints, as JSON, how many a second go in by each way, and how many one worker process ends.
// node bullmq.js REDIS_SOCKET JOBS
const { Queue, Worker } = require("bullmq");

const [path, count] = [process.argv[2], Number(process.argv[3])];
const connection = { path, maxRetriesPerRequest: null };
const job = { prompt: "x".repeat(1000) };
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

async function rate(jobs, work) {
  const began = seconds();
  await work();
  return jobs / (seconds() - began);
}

async function alone(queue, jobs) {
  for (let n = 0; n < jobs; n++) await queue.add("noop", job);
}

async function at_once(queue, jobs) {
  for (let n = 0; n < jobs; n += 100) await Promise.all(Array.from({ length: 100 }, () => queue.add("noop", job)));
}

async function in_bulk(queue, jobs) {
  for (let n = 0; n < jobs; n += 500) await queue.addBulk(Array.from({ length: 500 }, () => ({ name: "noop", data: job })));
}

async function drained(name, jobs) {
  let left = jobs;
  await new Promise((done) => {
    const worker = new Worker(name, async () => null, { connection, concurrency: 100 });
    worker.on("completed", () => --left || worker.close().then(done));
  });
}

async function main() {
  const found = {};
  for (const [name, work, jobs] of [["one", alone, count / 20], ["100 callers", at_once, count / 4], ["500 a call", in_bulk, count]]) {
    const queue = new Queue(name, { connection });
    await work(queue, 500);
    found[name] = await rate(jobs, () => work(queue, jobs));
    if (work === in_bulk) found.drain = await rate(jobs + 500, () => drained(name, jobs + 500));
    await queue.obliterate({ force: true });
    await queue.close();
  }
  console.log(JSON.stringify(found));
}

main();
