// Direct convolution of one pixel: no patches are copied, and no zeros are multiplied.
//
// Each pixel of a result sums, in registers, the taps that lie inside the image. kRows channels by
// kVectors vectors of images are computed together, so that each loaded number is used about four
// times.

#ifndef HPTJAX_DIRECT_H_
#define HPTJAX_DIRECT_H_

#include <array>
#include <vector>

#include "checks.h"
#include "kernels.h"

// One tap of a pixel of the result: where it reads, its weights, and the distance of these from one
// input channel to the next.
struct Tap {
  const float *source, *weights;
  Index step;
};

// y[t, b] = start[t] + sum over taps and n < inner of w[n, t] x[n, b]; t < T, b < V * N. The start is
// the bias if there is one, the old y if the sum is added to it, or else 0.
template <int N, int V, int T>
void tile(float* y, Index b, const Tap* taps, int count, Index inner, Index images, Index first,
          Index w_outer, const float* bias, bool adds) {
  Vector<N> sums[T][V];
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v)
      sums[t][v] = adds ? load<N>(y + (first + t) * images + b + v * N)
                        : fill<N>(bias ? bias[first + t] : 0.0f);
  const auto add = [&](Index terms) __attribute__((always_inline)) {
    for (int k = 0; k < count; ++k)
      add_products<N>(
          sums,
          {taps[k].source + b, images, taps[k].weights + first * w_outer, taps[k].step, w_outer},
          terms);
  };
  if (inner == 1)
    add(1);  // compiled without the loop over terms, which would take as long as its products
  else
    add(inner);
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v) store<N>(y + (first + t) * images + b + v * N, sums[t][v]);
}

// One pixel of a convolution from `inner` channels to `outer` channels.
struct Pixel {
  const Tap* taps;
  int count;
  Index inner, outer, images, w_outer;
  const float* bias;
  bool adds = false;  // adds the sum to the old result

  // Computes images from `b` on while V vectors of them are left; returns the first left over.
  template <int N, int V>
  Index sweep(Index b, float* y) const {
    static constexpr std::array functions = {&tile<N, V, 1>, &tile<N, V, 2>, &tile<N, V, 3>,
                                             &tile<N, V, 4>, &tile<N, V, 5>, &tile<N, V, 6>};
    static_assert(functions.size() == kRows);
    for (; b + N * V <= images; b += N * V) {
      Index t = 0;
      for (Index parts = parts_of(outer, kRows); parts > 0; --parts) {
        Index size = part(outer - t, parts);
        functions[size - 1](y, b, taps, count, inner, images, t, w_outer, bias, adds);
        t += size;
      }
    }
    return b;
  }

  void compute(float* y) const {
    Index b = sweep<kLanes, kVectors>(0, y);
    if constexpr (kVectors > 2) b = sweep<kLanes, 2>(b, y);
    b = sweep<kLanes, 1>(b, y);
    sweep<1, 1>(b, y);
  }
};

// One axis: the taps of each place of the result, and the place of the source that each tap reads.
class Reads {
 public:
  struct Read {
    Index tap, source;
  };

  static Reads forward(const Axis& a) {
    Reads reads(a.out, a.k);
    for (Index q = 0; q < a.out; ++q) {
      for (Index j = 0; j < a.k; ++j)
        if (Index s = q * a.stride + j * a.dilation - a.pad; 0 <= s && s < a.in)
          reads.all_.push_back({j, s});
      reads.ends_.push_back(reads.all_.size());
    }
    return reads;
  }

  static Reads input_gradient(const Axis& a) {
    Reads reads(a.in, a.k);
    for (Index s = 0; s < a.in; ++s) {
      for (Index j = 0; j < a.k; ++j)
        if (Index q = s + a.pad - j * a.dilation;
            0 <= q && q % a.stride == 0 && q / a.stride < a.out)
          reads.all_.push_back({j, q / a.stride});
      reads.ends_.push_back(reads.all_.size());
    }
    return reads;
  }

  const Read* begin(Index place) const { return all_.data() + (place ? ends_[place - 1] : 0); }
  const Read* end(Index place) const { return all_.data() + ends_[place]; }

 private:
  Reads(Index places, Index k) {
    all_.reserve(places * k);
    ends_.reserve(places);
  }
  std::vector<Read> all_;
  std::vector<Index> ends_;
};

constexpr Index kFewChannels = 3;  // up to so many, each channel of a tap is a tap of its own

// The taps of one pass over a source: maps, the kernel [., h, w, channels] that reads them, and the
// places that each row and column of the result reads.
struct Source {
  const float* x;
  Maps maps;
  const float* w;
  Index channels, step;
  bool backward;  // an input gradient: uses the taps of w in reverse
  Axis vertical, horizontal;
  Reads rows, columns;

  // The channels of a tap, and the most taps of a pixel of the result.
  Index inner() const { return maps.live > kFewChannels ? maps.live : 1; }
  Index size() const { return vertical.k * horizontal.k * apart(); }

  int taps(Index row, Index column, Tap* to) const {
    int count = 0;
    for (const auto* r = rows.begin(row); r != rows.end(row); ++r)
      for (const auto* c = columns.begin(column); c != columns.end(column); ++c)
        for (Index n = 0; n < apart(); ++n)
          to[count++] = {
              x + (r->source * maps.width + c->source) * maps.pixel() + n * maps.images,
              w + (r->tap * horizontal.k + c->tap) * channels + n * step, step};
    return count;
  }

  static Source forward(F32 x, F32 w, const Convolution& call) {
    Maps maps(call.x, call.live.typed_data()[0]);
    const Axis rows = call.rows(), columns = call.columns();
    return {x.typed_data(), maps, w.typed_data(), maps.channels, 1, false,
            rows, columns, Reads::forward(rows), Reads::forward(columns)};
  }

  static Source input_gradient(F32 g, F32 w, const Convolution& call) {
    Maps maps(call.y, call.live.typed_data()[1]);
    const Axis rows = call.rows(), columns = call.columns();
    const Index channels = call.x[0];
    return {g.typed_data(), maps, w.typed_data(), channels, rows.k * columns.k * channels, true,
            rows, columns, Reads::input_gradient(rows), Reads::input_gradient(columns)};
  }

 private:
  Index apart() const { return maps.live / inner(); }  // the taps that the channels are dealt to
};

#endif  // HPTJAX_DIRECT_H_
