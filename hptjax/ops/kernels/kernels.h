// What the kernels share: vectors of floats, and maps as XLA hands them over.
//
// Maps [C, H, W, B] are stored pixel by pixel, [H, W, C, B]: what a pixel of a convolution reads of
// a row is one run of memory, and images, innermost, fill the vectors whatever the channels are.

#ifndef HPTJAX_KERNELS_H_
#define HPTJAX_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "xla/ffi/api/ffi.h"

using Index = std::ptrdiff_t;
using F32 = xla::ffi::Buffer<xla::ffi::F32>;
using F32Result = xla::ffi::Result<F32>;

// Lanes of a vector, and how many vectors of results the registers hold beside what they need.
#if defined(__AVX512F__)
constexpr int kLanes = 16, kVectors = 4, kOuterRows = 6;
#elif defined(__AVX__)
constexpr int kLanes = 8, kVectors = 2, kOuterRows = 3;
#else
constexpr int kLanes = 4, kVectors = 4, kOuterRows = 6;
#endif
constexpr int kRows = 6, kOuterColumns = 4;

// Keeps a value in its register: compilers like to load it again for every use.
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

struct Maps {
  Index channels, height, width, images;

  explicit Maps(xla::ffi::Span<const int64_t> shape)
      : channels(shape[0]), height(shape[1]), width(shape[2]), images(shape[3]) {}
  Index pixel() const { return channels * images; }
  Index pixels() const { return height * width; }
};

#endif  // HPTJAX_KERNELS_H_
