// What a warp does as one, in one source for the GPU and for tests without one.
//
// On a GPU a lane is a thread. Elsewhere a warp is an array of 32 lanes in one thread; fragments lie
// in it as the PTX manual has them. Functions over lanes (`address`, `use`) are called for each.
// Numbers of 16 bits are `half`, which only `pack` and the tensor cores look into: NVRTC then needs
// none of CUDA's headers.
#pragma once
#ifdef __CUDACC__
#define FN __device__ __forceinline__
typedef unsigned short half;
typedef unsigned int word;
struct Frag {
  word r[4];
};
struct Acc {
  float v[4];
};
FN int lane() { return threadIdx.x & 31; }
// Four 8 x 8 matrices from shared memory; address(8 m + i): of row i, 16 bytes, of matrix m.
template <class F>
FN void load_matrices(Frag& f, F address) {
  word a = (word)__cvta_generic_to_shared(address(lane()));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(f.r[0]), "=r"(f.r[1]), "=r"(f.r[2]), "=r"(f.r[3])
               : "r"(a)
               : "memory");
}
// d (16 x 8) += a (16 x 16) times a 16 x 8 matrix: words 2 side, 2 side + 1 of b.
FN void multiply(Acc& d, const Frag& a, const Frag& b, int side) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},"
      "{%0,%1,%2,%3};"
      : "+f"(d.v[0]), "+f"(d.v[1]), "+f"(d.v[2]), "+f"(d.v[3])
      : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b.r[2 * side]),
        "r"(b.r[2 * side + 1]));
}
FN void clear(Acc& d) { d.v[0] = d.v[1] = d.v[2] = d.v[3] = 0; }
FN word pack(float low, float high) {
  word r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
// use(row, column, value, value of the next column), twice a lane.
template <class F>
FN void each_pair(const Acc& d, F use) {
  int row = lane() / 4, column = 2 * (lane() % 4);
  use(row, column, d.v[0], d.v[1]);
  use(row + 8, column, d.v[2], d.v[3]);
}
#else
#include <string.h>
#define FN static inline
typedef _Float16 half;
typedef unsigned int word;
struct Frag {
  word r[32][4];
};
struct Acc {
  float v[32][4];
};
template <class F>
FN void load_matrices(Frag& f, F address) {
  for (int m = 0; m < 4; m++)
    for (int row = 0; row < 8; row++) {
      const char* from = (const char*)address(8 * m + row);
      for (int q = 0; q < 4; q++) memcpy(&f.r[4 * row + q][m], from + 4 * q, 4);
    }
}
FN float number(word pair, int which) {
  half h[2];
  memcpy(h, &pair, 4);
  return (float)h[which];
}
FN void multiply(Acc& d, const Frag& a, const Frag& b, int side) {
  for (int t = 0; t < 32; t++)
    for (int e = 0; e < 4; e++) {
      int row = t / 4 + 8 * (e / 2), column = 2 * (t % 4) + e % 2;
      float sum = d.v[t][e];
      for (int k = 0; k < 16; k++) {
        float x = number(a.r[4 * (row % 8) + k % 8 / 2][row / 8 + 2 * (k / 8)], k % 2);
        float y = number(b.r[4 * column + k % 8 / 2][2 * side + k / 8], k % 2);
        sum += x * y;
      }
      d.v[t][e] = sum;
    }
}
FN void clear(Acc& d) { memset(&d, 0, sizeof d); }
FN word pack(float low, float high) {
  half h[2] = {(half)low, (half)high};
  word r;
  memcpy(&r, h, 4);
  return r;
}
template <class F>
FN void each_pair(const Acc& d, F use) {
  for (int t = 0; t < 32; t++) {
    use(t / 4, 2 * (t % 4), d.v[t][0], d.v[t][1]);
    use(t / 4 + 8, 2 * (t % 4), d.v[t][2], d.v[t][3]);
  }
}
#endif
