// The seed document's processor, word for word but for `export`. It is here to be watched, not to be used: see `ways.mjs`.

// biome-ignore-all lint: not ours
// biome-ignore-all format: not ours
export class OrderedAsyncProcessor {
    constructor() {
        this.queue = [];
        this.nextSequence = 0;
        this.processingPromises = {};
    }

    enqueue(data) {
        const sequenceId = this.nextSequence++;
        this.queue.push({ sequenceId, data });
        this._processMessages();
    }

    async _processMessages() {
        while (this.queue.length > 0) {
            const nextItem = this.queue.shift();

            if (!this.processingPromises[nextItem.sequenceId]) {
              this.processingPromises[nextItem.sequenceId] = this._process(nextItem.sequenceId, nextItem.data);
            }
            await this.processingPromises[nextItem.sequenceId]
            delete this.processingPromises[nextItem.sequenceId];
        }
    }

   async _process(sequenceId, data) {
        console.log(`Processing sequence: ${sequenceId}, data: ${data}`);
        await new Promise(resolve => setTimeout(resolve, 100)); // Simulate async operation
        console.log(`Finished processing sequence: ${sequenceId}`);
    }
}

export async function main() {
  const processor = new OrderedAsyncProcessor();
  processor.enqueue("Data 1");
  processor.enqueue("Data 3");
  processor.enqueue("Data 2");
}
