// What the machine can do: copies, products of the tensor cores alone, barriers between blocks.
#include "warp.h"

extern "C" __global__ void copy_words(const uint4* from, uint4* to, size_t count) {
  size_t step = (size_t)gridDim.x * blockDim.x;
  for (size_t k = (size_t)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
    to[k] = from[k];
}

constexpr int CHAINS = 8;  // independent products in flight

// Each warp makes CHAINS products of 16 x 8 x 16 for each of `times`; with ones in a and b every
// number of out is 16 times CHAINS times `times`.
extern "C" __global__ void products(float* out, int times) {
  Acc acc[CHAINS];
  Frag a, b;
#pragma unroll
  for (int k = 0; k < 4; k++) a.r[k] = b.r[k] = pack(1, 1);
#pragma unroll
  for (int k = 0; k < CHAINS; k++) clear(acc[k]);
  for (int i = 0; i < times; i++)
#pragma unroll
    for (int k = 0; k < CHAINS; k++) multiply(acc[k], a, b, k % 2);
  float sum = 0;
#pragma unroll
  for (int k = 0; k < CHAINS; k++) sum += acc[k].v[0] + acc[k].v[1] + acc[k].v[2] + acc[k].v[3];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum / 4;
}

FN word acquire(const word* p) {
  word v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
FN void release_one(word* p) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(p) : "memory");
}
constexpr int PATIENCE = 1 << 24;  // looks at a counter before a block gives up: no run may hang

// Blocks in teams of `team` pass `rounds` barriers; at each a block leaves its round in `seen` and
// reads its neighbour's. counters: one for each team, 32 words apart; wrong: what was not as it must
// be, or was waited for in vain.
extern "C" __global__ void barriers(word* counters, word* seen, word* wrong, int team, int rounds) {
  const int own = blockIdx.x % team, first = blockIdx.x - own;
  word* counter = counters + 32 * (blockIdx.x / team);
  const word* neighbour = seen + first + (own + 1) % team;
  __shared__ int lost;
  if (threadIdx.x == 0) lost = 0;
  for (int round = 1; round <= rounds; round++) {
    if (threadIdx.x == 0) *(volatile word*)(seen + blockIdx.x) = round;
    __syncthreads();
    if (threadIdx.x == 0) {
      release_one(counter);
      int looks = 0;
      while (acquire(counter) < (word)(round * team) && looks < PATIENCE) looks++;
      // the neighbour may be a round ahead by now, never behind
      lost = looks == PATIENCE;
      if (lost || *(volatile const word*)neighbour < (word)round) atomicAdd(wrong, 1u);
    }
    __syncthreads();
    if (lost) return;
  }
}
