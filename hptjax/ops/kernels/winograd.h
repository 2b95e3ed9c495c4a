// Winograd's products F(2 x 2, 3 x 3): they give four pixels of a result by 16 products, not 36.
//
// A 3 x 3 kernel at stride 1 gives four neighbouring pixels y from 4 x 4 pixels d by y = A^T [(G w
// G^T) * (B^T d B)] A, where * is elementwise (Lavin and Gray, arXiv:1509.09308). The sums over
// channels are taken before the last step, so that the two transforms are small beside the products.
// The matrices hold only 0, 1 and 1/2: results differ from the direct sums by rounding.

#ifndef HPTJAX_WINOGRAD_H_
#define HPTJAX_WINOGRAD_H_

#include <algorithm>
#include <array>
#include <vector>

#include "direct.h"
#include "kernels.h"

namespace winograd {

constexpr int kSide = 4, kPlaces = kSide * kSide;
// Vectors of images and channels of results that are computed together: the transforms of 4 x 4
// pixels of the maps then fit into the first-level cache.
#if defined(__AVX512F__)
constexpr int kImages = 2, kResults = 12;
#else
constexpr int kImages = kVectors, kResults = kRows;
#endif
constexpr Index kLeastChannels = 4;  // with fewer, the transforms cost what the products save

// B^T d.
template <class T>
inline std::array<T, 4> of_maps(T a, T b, T c, T d) {
  return {a - c, b + c, c - b, b - d};
}

// G w.
template <class T>
inline std::array<T, 4> of_kernel(T a, T b, T c) {
  const T outer = (a + c) * 0.5f, middle = b * 0.5f;
  return {a, outer + middle, outer - middle, c};
}

// A^T m.
template <class T>
inline std::array<T, 2> of_products(T a, T b, T c, T d) {
  return {a + b + c, b - c - d};
}

// Tells whether a convolution uses these products.
inline bool pays(const Source& source, const Maps& to) {
  for (const Axis& axis : {source.vertical, source.horizontal})
    if (axis.k != 3 || axis.stride != 1 || axis.dilation != 1) return false;
  return std::min(source.maps.live, to.live) >= kLeastChannels && std::min(to.height, to.width) > 1;
}

// m[t, f, b] = sum over n < inner of w[f, n, t] u[n, f, b] for each place f; t < T, b < V * N. The
// places of a vector of images lie side by side in the transformed maps and products: [., V, place,
// N].
template <int N, int V, int T>
void product(float* m, const float* u, Index inner, const float* w, Index step, Index w_outer,
             Index w_place) {
  for (int f = 0; f < kPlaces; ++f, m += N, u += N, w += w_place) {
    Vector<N> sums[T][V] = {};
    add_products<N>(sums, {u, kPlaces * V * N, w, step, w_outer}, inner, kPlaces * N);
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < V; ++v) store<N>(m + (t * V + v) * kPlaces * N, sums[t][v]);
  }
}

template <int N, int V, int... T>
constexpr auto products(std::integer_sequence<int, T...>) {
  return std::array{&product<N, V, T + 1>...};
}

// A convolution, or an input gradient, four pixels at a time.
class Convolution {
 public:
  Convolution(const Source& source, const Maps& to, const float* bias)
      : source_(source), to_(to), bias_(bias), inner_(source.maps.live) {
    const Index of_maps = kPlaces * inner_ * kImages * kLanes;
    const Index of_products = kPlaces * kResults * kImages * kLanes;
    kernels_ = scratch(kPlaces * inner_ * to.live + of_maps + of_products);
    maps_ = kernels_ + (kPlaces * inner_ * to.live + kLanes - 1) / kLanes * kLanes;
    products_ = maps_ + of_maps;
    zeros_.assign(kSide * source.maps.pixel(), 0.0f);
    transform_kernels();
  }

  // The four pixels of the result from row h and column q on.
  void compute(Index h, Index q, const std::array<float*, 4>& y) {
    const Maps& maps = source_.maps;
    const Index row = h - pad(source_.vertical), column = q - pad(source_.horizontal);
    Window window;
    for (Index i = 0; i < kSide; ++i) {
      const bool inside = 0 <= row + i && row + i < maps.height;
      const Index own = ((row + i) * maps.width + column) * maps.pixel();
      window.rows[i] = inside ? source_.x + own : zeros_.data();
      window.inside[i] = 0 <= column + i && column + i < maps.width;
    }
    Index b = sweep<kLanes, kImages>(0, window, y);
    b = sweep<kLanes, 1>(b, window, y);
    sweep<1, 1>(b, window, y);
  }

 private:
  Index pad(const Axis& axis) const { return source_.backward ? axis.k - 1 - axis.pad : axis.pad; }

  // Four rows of 4 pixels from the first column on, which may lie outside; outer rows are zeros.
  struct Window {
    std::array<const float*, kSide> rows;
    std::array<bool, kSide> inside;  // for each column
  };

  // Computes images from `b` on while V vectors of them are left; returns the first left over.
  template <int N, int V>
  Index sweep(Index b, const Window& window, const std::array<float*, 4>& y) {
    for (; b + N * V <= to_.images; b += N * V) {
      transform_maps<N, V>(b, window);
      Index t = 0;
      for (Index parts = parts_of(to_.live, kResults); parts > 0; --parts) {
        const Index size = part(to_.live - t, parts);
        multiply<N, V>(t, size);
        for (Index k = 0; k < size; ++k) write<N, V>(b, t, k, y);
        t += size;
      }
    }
    return b;
  }

  template <int N, int V>
  void transform_maps(Index b, const Window& window) {
    const Index pixel = source_.maps.pixel();
    const float *first = window.rows[0] + b, *second = window.rows[1] + b,
                *third = window.rows[2] + b, *fourth = window.rows[3] + b;
    const std::array<bool, kSide> inside = window.inside;
    float* to = maps_;
    for (Index n = 0; n < inner_; ++n) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        std::array<Vector<N>, 4> columns[kSide] = {};
#pragma GCC unroll 4
        for (int j = 0; j < kSide; ++j) {
          const Index at = j * pixel + v * N;
          if (inside[j])
            columns[j] = of_maps(load<N>(first + at), load<N>(second + at), load<N>(third + at),
                                 load<N>(fourth + at));
        }
#pragma GCC unroll 4
        for (int i = 0; i < kSide; ++i) {
          const auto row = of_maps(columns[0][i], columns[1][i], columns[2][i], columns[3][i]);
#pragma GCC unroll 4
          for (int j = 0; j < kSide; ++j)
            store<N>(to + (v * kPlaces + i * kSide + j) * N, row[j]);
        }
      }
      to += kPlaces * V * N, first += to_.images, second += to_.images, third += to_.images,
          fourth += to_.images;
    }
  }

  template <int N, int V>
  void multiply(Index first, Index size) {
    static constexpr auto functions = products<N, V>(std::make_integer_sequence<int, kResults>());
    functions[size - 1](products_, maps_, inner_, kernels_ + first * w_outer(), w_step(), w_outer(),
                        inner_ * to_.live);
  }

  template <int N, int V>
  void write(Index b, Index first, Index k, const std::array<float*, 4>& y) const {
    const Vector<N> start = fill<N>(bias_ ? bias_[first + k] : 0.0f);
    for (int v = 0; v < V; ++v) {
      const float* m = products_ + (k * V + v) * kPlaces * N;
      const auto at = [&](int f) { return load<N>(m + f * N); };
      std::array<Vector<N>, 2> columns[kSide];
      for (int j = 0; j < kSide; ++j)
        columns[j] = of_products(at(j), at(4 + j), at(8 + j), at(12 + j));
      for (int p = 0; p < 2; ++p) {
        const auto two = of_products(columns[0][p], columns[1][p], columns[2][p], columns[3][p]);
        for (int r = 0; r < 2; ++r)
          store<N>(y[2 * p + r] + (first + k) * to_.images + b + v * N, two[r] + start);
      }
    }
  }

  // Kernels are stored as [place, o, c]: a convolution sums over c, an input gradient over o.
  Index w_outer() const { return source_.backward ? 1 : inner_; }
  Index w_step() const { return source_.backward ? to_.live : 1; }

  void transform_kernels() {
    const Index rows = source_.backward ? inner_ : to_.live;
    const Index columns = source_.backward ? to_.live : inner_;
    for (Index o = 0; o < rows; ++o) {
      const float* w = source_.w + o * 9 * source_.channels;
#pragma omp simd
      for (Index c = 0; c < columns; ++c) {
        const auto tap = [&](Index i, Index j) {
          const Index own = 3 * i + j;
          return w[(source_.backward ? 8 - own : own) * source_.channels + c];
        };
        std::array<float, 4> sides[3];
        for (int j = 0; j < 3; ++j) sides[j] = of_kernel(tap(0, j), tap(1, j), tap(2, j));
        for (int i = 0; i < kSide; ++i) {
          const auto row = of_kernel(sides[0][i], sides[1][i], sides[2][i]);
          for (int j = 0; j < kSide; ++j)
            kernels_[((i * kSide + j) * rows + o) * columns + c] = row[j];
        }
      }
    }
  }

  const Source& source_;
  const Maps& to_;
  const float* bias_;
  Index inner_;
  float *kernels_, *maps_, *products_;
  std::vector<float> zeros_;
};

}  // namespace winograd

#endif  // HPTJAX_WINOGRAD_H_
