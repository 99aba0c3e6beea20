"""The seed document's processor, word for word. It is here to be watched, not to be used: see `ways.py`."""

# ruff: noqa
# fmt: off
# mypy: ignore-errors
import asyncio
import heapq

class OrderedAsyncProcessor:
    def __init__(self):
        self.queue = [] # Use heapq for priority queue behavior
        self.next_sequence = 0
        self.processing_futures = {}

    async def enqueue(self, data):
        sequence_id = self.next_sequence
        self.next_sequence += 1
        # Priority based on sequence_id, lower value processes first.
        heapq.heappush(self.queue, (sequence_id, data))
        asyncio.create_task(self._process_messages())


    async def _process_messages(self):
        while self.queue:
            sequence_id, data = heapq.heappop(self.queue)

            if sequence_id not in self.processing_futures:
                self.processing_futures[sequence_id] = asyncio.create_task(self._process(sequence_id,data))
            await self.processing_futures[sequence_id] #wait for the processing to complete.
            del self.processing_futures[sequence_id]

    async def _process(self, sequence_id, data):
        print(f"Processing sequence: {sequence_id}, data: {data}")
        await asyncio.sleep(0.1) # Simulate asynchronous operation
        print(f"Finished processing sequence: {sequence_id}")


async def main():
    processor = OrderedAsyncProcessor()
    await processor.enqueue("Data 1")
    await processor.enqueue("Data 3")
    await processor.enqueue("Data 2")

if __name__ == "__main__":
    asyncio.run(main())
