// Shared by all kernels: vectors of floats, and maps as XLA hands them over.
//
// Maps [C, H, W, B] are stored pixel by pixel, [H, W, C, B]. A pixel of a convolution then reads one
// run of memory for each row, and images, innermost, fill the vectors whatever the number of
// channels. Only the first channels are live. The others hold zeros, in maps, weights and gradients
// alike, and are not computed. So a network that is padded to a wider body costs no more than it
// costs alone.

#ifndef HPTJAX_KERNELS_H_
#define HPTJAX_KERNELS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "xla/ffi/api/ffi.h"

using Index = std::ptrdiff_t;
using F32 = xla::ffi::Buffer<xla::ffi::F32>;
using F32Result = xla::ffi::Result<F32>;
using S32 = xla::ffi::Buffer<xla::ffi::S32>;

// Lanes of a vector, and the number of result vectors that the registers hold beside operands.
#if defined(__AVX512F__)
constexpr int kLanes = 16, kVectors = 4, kOuterRows = 6;
#elif defined(__AVX__)
constexpr int kLanes = 8, kVectors = 2, kOuterRows = 3;
#else
constexpr int kLanes = 4, kVectors = 4, kOuterRows = 6;
#endif
constexpr int kRows = 6, kOuterColumns = 4;

// Keeps a value in its register: compilers tend to load it again for every use.
#if defined(__x86_64__)
#define KEEP(value) asm("" : "+v"(value))
#elif defined(__aarch64__)
#define KEEP(value) asm("" : "+w"(value))
#else
#define KEEP(value)
#endif

template <int N>
struct VectorOf {
  typedef float type __attribute__((vector_size(4 * N), aligned(4), may_alias));
};
template <>
struct VectorOf<1> {
  typedef float type;
};
template <int N>
using Vector = typename VectorOf<N>::type;

template <int N>
struct BitsOf {  // a vector of whole numbers
  typedef std::uint32_t type __attribute__((vector_size(4 * N)));
};
template <>
struct BitsOf<1> {
  typedef std::uint32_t type;
};
template <int N>
using Bits = typename BitsOf<N>::type;

template <class To, class From>
inline To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <int N>
inline Vector<N> load(const float* from) {
  return *reinterpret_cast<const Vector<N>*>(from);
}

template <int N>
inline void store(float* to, Vector<N> value) {
  *reinterpret_cast<Vector<N>*>(to) = value;
}

template <int N>
inline Vector<N> fill(float value) {
  if constexpr (N == 1) {
    return value;
  } else {
    return value - Vector<N>{};
  }
}

// Memory that a thread keeps from call to call, aligned to vectors; one kernel at a time uses it.
inline float* scratch(Index size) {
  static thread_local std::vector<float> memory;
  if (static_cast<Index>(memory.size()) < size + kLanes) memory.resize(size + kLanes);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return memory.data() + (-address / sizeof(float)) % kLanes;
}

// Where products find their factors: the numbers x of term n lie at x + n * x_step, the weight of
// result t at w + n * w_step + t * w_result.
struct Factors {
  const float* x;
  Index x_step;
  const float* w;
  Index w_step, w_result;
};

// sums[t][v] += sum over the terms of (weight of t) * (vector v of x), with all sums in registers.
// apart: distance from one vector of x to the next.
template <int N, int V, int T>
inline __attribute__((always_inline)) void add_products(Vector<N> (&sums)[T][V], Factors of,
                                                        Index terms, Index apart = N) {
  for (Index n = 0; n < terms; ++n, of.x += of.x_step, of.w += of.w_step) {
    Vector<N> read[V];
    for (int v = 0; v < V; ++v) {
      read[v] = load<N>(of.x + v * apart);
      KEEP(read[v]);
    }
    for (int t = 0; t < T; ++t) {
      Vector<N> weight = fill<N>(of.w[t * of.w_result]);
      KEEP(weight);
      for (int v = 0; v < V; ++v) sums[t][v] += read[v] * weight;
    }
  }
}

inline float sum_of_lanes(const float* vector) {
  Vector<4> total = load<4>(vector);
  for (int n = 4; n < kLanes; n += 4) total += load<4>(vector + n);
  return (total[0] + total[1]) + (total[2] + total[3]);
}

// The size of the next part, when `left` numbers are cut into nearly equal parts.
inline Index part(Index left, Index parts_left) { return (left + parts_left - 1) / parts_left; }

inline Index parts_of(Index size, Index most) { return (size + most - 1) / most; }

struct Maps {
  Index channels, live, height, width, images;

  Maps(xla::ffi::Span<const int64_t> shape, Index live)
      : channels(shape[0]), live(live), height(shape[1]), width(shape[2]), images(shape[3]) {}
  Index pixel() const { return channels * images; }
  Index pixels() const { return height * width; }
};

// Writes zeros to the dead channels of a pixel.
inline void clear_rest(float* pixel, const Maps& maps) {
  std::fill(pixel + maps.live * maps.images, pixel + maps.pixel(), 0.0f);
}

// Writes zeros to the dead channels of maps.
inline void clear_dead(float* to, const Maps& maps) {
  for (Index p = 0; p < maps.pixels(); ++p) clear_rest(to + p * maps.pixel(), maps);
}

// Calls write(channel, first number) for each run of images of live channels, pixel by pixel.
template <class Write>
void each_run(const Maps& maps, Write write) {
  for (Index p = 0; p < maps.pixels(); ++p)
    for (Index c = 0; c < maps.live; ++c) write(c, p * maps.pixel() + c * maps.images);
}

// Fills maps: write(channel, first number) writes a run of images.
template <class Write>
void fill_maps(float* to, const Maps& maps, Write write) {
  each_run(maps, write);
  clear_dead(to, maps);
}

template <int N>
using Lanes = std::integral_constant<int, N>;

// K sums over the pixels and images of each channel; every lane of a vector keeps its own sums.
template <int K>
class ChannelSums {
 public:
  explicit ChannelSums(const Maps& maps) : maps_(maps), sums_(maps.channels * K * kLanes) {}

  // values(Lanes<N>, channel, place) returns K vectors of N summands at a place of the maps.
  template <class Values>
  void add(Values values) {
    for (Index p = 0; p < maps_.pixels(); ++p)
      for (Index c = 0; c < maps_.live; ++c) {
        const Index at = p * maps_.pixel() + c * maps_.images;
        const Index whole = maps_.images / kLanes * kLanes;
        add_run<kLanes>(c, at, 0, whole, values);
        add_run<1>(c, at, whole, maps_.images, values);
      }
  }

  void totals(int k, float* to) const {
    for (Index c = 0; c < maps_.channels; ++c) to[c] = sum_of_lanes(&sums_[(c * K + k) * kLanes]);
  }

 private:
  template <int N, class Values>
  void add_run(Index c, Index at, Index b, Index end, Values values) {
    if (b == end) return;
    std::array<Vector<N>, K> kept;
    for (int k = 0; k < K; ++k) kept[k] = load<N>(&sums_[(c * K + k) * kLanes]);
    for (; b < end; b += N) {
      const std::array<Vector<N>, K> next = values(Lanes<N>(), c, at + b);
      for (int k = 0; k < K; ++k) kept[k] += next[k];
    }
    for (int k = 0; k < K; ++k) store<N>(&sums_[(c * K + k) * kLanes], kept[k]);
  }

  Maps maps_;
  std::vector<float> sums_;
};

#endif  // HPTJAX_KERNELS_H_
