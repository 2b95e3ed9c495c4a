// A 3 x 3 convolution of many members, forward, each with sizes, widths and stride of its own.
//
// Maps: [H][W][C / 8][16 images][8 channels] halves, C filled up to a multiple of 16; kernels:
// [9][C / 8][O][8], O filled up to a multiple of 8. Sixteen images times sixteen channels of a pixel
// are 512 bytes in a row: a lane's part of a fragment is at base + 16 lane, without bank conflicts,
// and a tap is another pixel. A block has sixteen images of a member in shared memory.
#include "warp.h"

struct Shape {  // eighths: C / 8; tiles: O / 8
  int height, width, stride, eighths, tiles, out_height, out_width;
};
constexpr int PIXELS = 4;         // of a warp at once: how often a fragment of weights is used
constexpr int PAIR = 2 * 16 * 8;  // numbers of two eighths of a pixel, 16 images

// TILES of a pixel's outputs by one warp; none: 512 bytes of zeros, which stand for padding.
template <int TILES>
FN void conv_tiles(const Shape& s, const half* x, const half* w, half* y, const half* none,
                   int warp, int warps) {
  const int pixels = s.out_height * s.out_width, outputs = 8 * TILES;
  const int out_eighths = (TILES + 1) / 2 * 2;
  for (int first = warp * PIXELS; first < pixels; first += warps * PIXELS) {
    Acc acc[PIXELS][TILES];
    int row[PIXELS], column[PIXELS];
#pragma unroll
    for (int p = 0; p < PIXELS; p++) {
      row[p] = (first + p) / s.out_width * s.stride - 1;
      column[p] = (first + p) % s.out_width * s.stride - 1;
#pragma unroll
      for (int n = 0; n < TILES; n++) clear(acc[p][n]);
    }
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) {
        const half* base[PIXELS];
        int step[PIXELS];
#pragma unroll
        for (int p = 0; p < PIXELS; p++) {
          int h = row[p] + i, v = column[p] + j;
          bool inside = (unsigned)h < (unsigned)s.height && (unsigned)v < (unsigned)s.width;
          inside = inside && first + p < pixels;
          base[p] = inside ? x + (h * s.width + v) * s.eighths * 128 : none;
          step[p] = inside ? 128 : 0;
        }
        const half* taps = w + (3 * i + j) * s.eighths * outputs * 8;
        for (int c = 0; c < s.eighths; c += 2) {
          Frag b[(TILES + 1) / 2];
#pragma unroll
          for (int n = 0; n < TILES; n += 2)
            load_matrices(b[n / 2], [&](int t) {
              int m = t / 8, tile = n + m / 2 < TILES ? n + m / 2 : n;
              return taps + ((c + m % 2) * outputs + 8 * tile + t % 8) * 8;
            });
#pragma unroll
          for (int p = 0; p < PIXELS; p++) {
            Frag a;
            load_matrices(a, [&](int t) { return base[p] + c * step[p] + t * 8; });
#pragma unroll
            for (int n = 0; n < TILES; n++) multiply(acc[p][n], a, b[n / 2], n % 2);
          }
        }
      }
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
      if (first + p < pixels)
#pragma unroll
        for (int n = 0; n < TILES; n++)
          each_pair(acc[p][n], [&](int image, int channel, float u, float v) {
            half* to = y + (((first + p) * out_eighths + n) * 16 + image) * 8 + channel;
            *(word*)to = pack(u, v);
          });
  }
}

FN void conv(const Shape& s, const half* x, const half* w, half* y, const half* none, int warp,
             int warps) {
  if (s.tiles == 1) conv_tiles<1>(s, x, w, y, none, warp, warps);
  if (s.tiles == 2) conv_tiles<2>(s, x, w, y, none, warp, warps);
  if (s.tiles == 3) conv_tiles<3>(s, x, w, y, none, warp, warps);
  if (s.tiles == 4) conv_tiles<4>(s, x, w, y, none, warp, warps);
}

#ifdef __CUDACC__
extern __shared__ uint4 memory[];

// Blocks: (images / 16, members). times: how often it is computed; more than once only to time the
// products without the loads from global memory.
extern "C" __global__ void __launch_bounds__(256, 1)
    conv_members(const Shape* shapes, const half* const* xs, const half* const* ws,
                 half* const* ys, int times) {
  const Shape s = shapes[blockIdx.y];
  const int maps = s.height * s.width * s.eighths * 16, kernels = 9 * s.eighths * s.tiles * 8;
  uint4 *x = memory, *w = x + maps, *none = w + kernels;
  const uint4* from = (const uint4*)xs[blockIdx.y] + (size_t)blockIdx.x * maps;
  for (int k = threadIdx.x; k < maps; k += blockDim.x) x[k] = from[k];
  for (int k = threadIdx.x; k < kernels; k += blockDim.x) w[k] = ((const uint4*)ws[blockIdx.y])[k];
  if (threadIdx.x < 32) none[threadIdx.x] = make_uint4(0, 0, 0, 0);
  __syncthreads();
  const int out = s.out_height * s.out_width * ((s.tiles + 1) / 2) * PAIR;
  half* y = ys[blockIdx.y] + (size_t)blockIdx.x * out;
  for (int k = 0; k < times; k++)
    conv(s, (half*)x, (half*)w, y, (half*)none, threadIdx.x / 32, blockDim.x / 32);
}
#else
extern "C" void conv_emulated(const Shape* s, const half* x, const half* w, half* y) {
  static const half none[PAIR] = {};
  for (int warp = 0; warp < 8; warp++) conv(*s, x, w, y, none, warp, 8);
}
#endif
