// The gradient of a convolution's kernel: g [O, H', W', B] and x [C, H, W, B] to dw [O, h, w, C].

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

// sums[o, c] += sum over the pixels of some rows and images of g[o] x[c]; each pair (o, c) has one
// vector of partial sums.
template <int N, int O, int C>
void outer(float* sums, Index row, const float* g, Index g_pixel, Index g_channel, const float* x,
           Index x_pixel, Index x_channel, Index pixels, Index images, Index rows, Index g_row,
           Index x_row) {
  Vector<N> kept[O][C];
  for (int o = 0; o < O; ++o)
    for (int c = 0; c < C; ++c) kept[o][c] = load<N>(sums + o * row + c * kLanes);
  for (Index r = 0; r < rows; ++r, g += g_row, x += x_row)
    for (Index p = 0; p < pixels; ++p)
      for (Index b = 0; b < images; b += N) {
        Vector<N> gs[O];
        for (int o = 0; o < O; ++o) {
          gs[o] = load<N>(g + p * g_pixel + o * g_channel + b);
          KEEP(gs[o]);
        }
        for (int c = 0; c < C; ++c) {
          Vector<N> xs = load<N>(x + p * x_pixel + c * x_channel + b);
          KEEP(xs);
          for (int o = 0; o < O; ++o) kept[o][c] += gs[o] * xs;
        }
      }
  for (int o = 0; o < O; ++o)
    for (int c = 0; c < C; ++c) store<N>(sums + o * row + c * kLanes, kept[o][c]);
}

using Outer = decltype(&outer<1, 1, 1>);

template <int N, int... O>
constexpr auto outer_table(std::integer_sequence<int, O...>) {
  return std::array<std::array<Outer, kOuterColumns>, kOuterRows>{
      {{&outer<N, O + 1, 1>, &outer<N, O + 1, 2>, &outer<N, O + 1, 3>, &outer<N, O + 1, 4>}...}};
}

template <int N>
Outer outer_of(Index o, Index c) {
  static constexpr auto table = outer_table<N>(std::make_integer_sequence<int, kOuterRows>());
  return table[o - 1][c - 1];
}

// Some rows of g and the rows of x that they meet: few enough to stay in the first-level cache.
class WeightGradient {
  static constexpr Index kPixels = 16;  // pixels of a row of g: several shorter rows go together
  static constexpr Index kImages = 64;  // images at a time

 public:
  explicit WeightGradient(const Convolution& call)
      : x_(call.x, call.live.typed_data()[0]),
        g_(call.y, call.live.typed_data()[1]),
        vertical_(call.rows()),
        horizontal_(call.columns()),
        row_(taps() * x_.live * kLanes) {
    list_columns();
    together_ = std::max<Index>(1, kPixels / g_.width);
    const Index packed = together_ * kOuterRows * g_.width * g_.images;
    sums_ = scratch(g_.live * row_ + packed);
    std::fill_n(sums_, g_.live * row_, 0.0f);
    packed_ = sums_ + g_.live * row_;
  }

  void compute(float* dw, const float* g, const float* x) {
    Index whole = g_.images / kLanes * kLanes;
    for (Index b = 0; b < whole; b += kImages)
      add<kLanes>(g + b, x + b, std::min(kImages, whole - b));
    if (whole < g_.images) add<1>(g + whole, x + whole, g_.images - whole);
    std::fill_n(dw, g_.channels * taps() * x_.channels, 0.0f);
    const float* own = sums_;
    for (Index m = 0; m < g_.live * taps(); ++m)
      for (Index c = 0; c < x_.live; ++c, own += kLanes)
        dw[m * x_.channels + c] = sum_of_lanes(own);
  }

 private:
  Index taps() const { return vertical_.k * horizontal_.k; }

  template <int N>
  void add(const float* g, const float* x, Index images) {
    for (Index h = 0; h < g_.height; h += together_) {
      const Index rows = std::min(together_, g_.height - h);
      Index o = 0;
      for (Index parts = parts_of(g_.live, kOuterRows); parts > 0; --parts) {
        Index size = part(g_.live - o, parts);
        pack(g + h * g_.width * g_.pixel() + o * g_.images, rows, size, images);
        add_rows<N>(h, rows, o, size, x, images);
        o += size;
      }
    }
  }

  // Copies some channels of rows of g without those between: in place, pixels share cache sets.
  void pack(const float* g, Index rows, Index size, Index images) {
    float* to = packed_;
    const bool whole = images == g_.images;  // then the channels of a pixel are one run
    const Index runs = whole ? 1 : size, run = whole ? size * images : images;
    for (Index q = 0; q < rows * g_.width; ++q)
      for (Index o = 0; o < runs; ++o, to += run)
        std::memcpy(to, g + q * g_.pixel() + o * g_.images, run * sizeof(float));
  }

  template <int N>
  void add_rows(Index h, Index rows, Index o, Index o_size, const float* x, Index images) {
    for (Index i = 0; i < vertical_.k; ++i) {
      // the rows of g whose tap lies inside
      Index skipped = 0, some = rows;
      Index r = h * vertical_.stride + i * vertical_.dilation - vertical_.pad;
      while (some > 0 && r < 0) r += vertical_.stride, ++skipped, --some;
      while (some > 0 && r + (some - 1) * vertical_.stride >= x_.height) --some;
      if (some == 0) continue;
      for (const Columns& own : columns_)
        outer_of<N>(o_size, own.size)(
            sums_ + o * row_ + (i * horizontal_.k * x_.live + own.column) * kLanes, row_,
            packed_ + (skipped * g_.width + own.first) * o_size * images, o_size * images, images,
            x + r * x_.width * x_.pixel() + own.at, horizontal_.stride * x_.pixel(), step_,
            own.last - own.first, images, some, g_.width * o_size * images,
            vertical_.stride * x_.width * x_.pixel());
    }
  }

  // Some neighbouring columns of a row of the kernel, [w, C], for the places first .. last of a row
  // of g. at: where the first column's first number lies in a row of x.
  struct Columns {
    Index column, size, first, last, at;

    bool goes_on(Index other, Index others, Index place) const {
      return column == other && size == others && last == place;
    }
  };

  // Lists the columns of a row of the kernel. Where channels are few, columns of several taps go
  // together.
  void list_columns() {
    const Index width = horizontal_.k * x_.live;
    const bool joined = x_.live < kOuterColumns &&
                        (x_.live == 1 || (x_.live == x_.channels && horizontal_.dilation == 1));
    step_ = joined && x_.live == 1 ? horizontal_.dilation * x_.pixel() : x_.images;
    const Index run = joined ? width : x_.live;  // the columns of which any neighbours may join
    for (Index begin = 0; begin < width; begin += run) {
      Index column = begin;
      for (Index parts = parts_of(run, kOuterColumns); parts > 0; --parts) {
        const Index size = part(begin + run - column, parts);
        for (Index q = 0; q < g_.width; ++q) list(column, size, q);
        column += size;
      }
    }
  }

  // Lists those of `size` columns that reach an inner pixel from a place of a row of g.
  void list(Index column, Index size, Index place) {
    const auto reached = [&](Index k) {
      const Index pixel = pixel_of(k, place);
      return 0 <= pixel && pixel < x_.width;
    };
    while (size > 0 && !reached(column)) ++column, --size;
    while (size > 0 && !reached(column + size - 1)) --size;
    if (size == 0) return;
    if (!columns_.empty() && columns_.back().goes_on(column, size, place)) {
      ++columns_.back().last;
      return;
    }
    const Index at = pixel_of(column, place) * x_.pixel() + column % x_.live * x_.images;
    columns_.push_back({column, size, place, place + 1, at});
  }

  // The column of x that a column of the kernel meets at a place of a row of g.
  Index pixel_of(Index column, Index place) const {
    return place * horizontal_.stride + column / x_.live * horizontal_.dilation - horizontal_.pad;
  }

  Maps x_, g_;
  Axis vertical_, horizontal_;
  Index row_;
  std::vector<Columns> columns_;
  Index step_;  // from one column to the next, in x
  Index together_;  // rows of g taken together
  float *sums_, *packed_;
};

ffi::Error weight_gradient(F32 g, F32 x, S32 live, F32Result dw, int64_t stride, int64_t dilation,
                           int64_t top, int64_t bottom, int64_t left, int64_t right) {
  const Convolution call{x.dimensions(), dw->dimensions(), g.dimensions(), live,
                         {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  WeightGradient(call).compute(dw->typed_data(), g.typed_data(), x.typed_data());
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_weight_gradient, weight_gradient,
                              ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<S32>().Ret<F32>().MOVES);
