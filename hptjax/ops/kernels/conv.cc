// Direct convolution and its gradients: x [C, H, W, B], w [O, k, k, C], y [O, H', W', B].
//
// No patches are copied and no zeros are multiplied: each pixel of a result adds up the taps that
// lie inside the image, in registers. kRows channels by kVectors vectors of images are computed
// together, so that a number loaded is used about four times. live: [C, O], the live channels.

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

// One tap of a pixel of the result: where it reads, its weights, and how far these are apart from
// one channel read to the next.
struct Tap {
  const float *source, *weights;
  Index step;
};

// y[t, b] = bias[t] + sum over taps and n < inner of w[n, t] x[n, b]; t < T, b < V * N.
template <int N, int V, int T>
void tile(float* y, Index b, const Tap* taps, int count, Index inner, Index images, Index first,
          Index w_outer, const float* bias) {
  Vector<N> sums[T][V];
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v) sums[t][v] = fill<N>(bias ? bias[first + t] : 0.0f);
  for (int k = 0; k < count; ++k) {
    const float* xs = taps[k].source + b;
    const float* ws = taps[k].weights + first * w_outer;
    for (Index n = 0; n < inner; ++n, xs += images, ws += taps[k].step) {
      Vector<N> read[V];
      for (int v = 0; v < V; ++v) {
        read[v] = load<N>(xs + v * N);
        KEEP(read[v]);
      }
      for (int t = 0; t < T; ++t) {
        Vector<N> weight = fill<N>(ws[t * w_outer]);
        KEEP(weight);
        for (int v = 0; v < V; ++v) sums[t][v] += read[v] * weight;
      }
    }
  }
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v) store<N>(y + (first + t) * images + b + v * N, sums[t][v]);
}

// A pixel of a convolution from `inner` channels to `outer` ones.
struct Pixel {
  const Tap* taps;
  int count;
  Index inner, outer, images, w_outer;
  const float* bias;

  // Computes images from `b` on as long as V vectors of them are left; returns the first left over.
  template <int N, int V>
  Index sweep(Index b, float* y) const {
    static constexpr std::array functions = {&tile<N, V, 1>, &tile<N, V, 2>, &tile<N, V, 3>,
                                             &tile<N, V, 4>, &tile<N, V, 5>, &tile<N, V, 6>};
    static_assert(functions.size() == kRows);
    for (; b + N * V <= images; b += N * V) {
      Index t = 0;
      for (Index parts = parts_of(outer, kRows); parts > 0; --parts) {
        Index size = part(outer - t, parts);
        functions[size - 1](y, b, taps, count, inner, images, t, w_outer, bias);
        t += size;
      }
    }
    return b;
  }

  void compute(float* y) const {
    Index b = sweep<kLanes, kVectors>(0, y);
    b = sweep<kLanes, 1>(b, y);
    sweep<1, 1>(b, y);
  }
};

// Along one axis: which taps each place of the result has, and which place of the source they read.
class Reads {
 public:
  struct Read {
    Index tap, source;
  };

  static Reads forward(Index out, Index in, Index k, Index stride, Index pad) {
    Reads reads(out, k);
    for (Index q = 0; q < out; ++q) {
      for (Index j = 0; j < k; ++j)
        if (Index s = q * stride + j - pad; 0 <= s && s < in) reads.all_.push_back({j, s});
      reads.ends_.push_back(reads.all_.size());
    }
    return reads;
  }

  static Reads input_gradient(Index in, Index out, Index k, Index stride, Index pad) {
    Reads reads(in, k);
    for (Index s = 0; s < in; ++s) {
      for (Index j = 0; j < k; ++j)
        if (Index q = s + pad - j; 0 <= q && q % stride == 0 && q / stride < out)
          reads.all_.push_back({j, q / stride});
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

// The taps of one pass over a source: maps, the kernel [., k, k, channels] that reads them, and the
// places that each row and column of the result reads.
struct Source {
  const float* x;
  Maps maps;
  const float* w;
  Index k, channels, step;
  Reads rows, columns;

  int taps(Index row, Index column, Tap* to) const {
    int count = 0;
    for (const auto* r = rows.begin(row); r != rows.end(row); ++r)
      for (const auto* c = columns.begin(column); c != columns.end(column); ++c)
        to[count++] = {x + (r->source * maps.width + c->source) * maps.pixel(),
                       w + (r->tap * k + c->tap) * channels, step};
    return count;
  }

  static Source forward(F32 x, F32 w, S32 live, const Maps& to, Index stride, Index pad) {
    Maps maps(x.dimensions(), live.typed_data()[0]);
    Index k = w.dimensions()[1];
    return {x.typed_data(), maps, w.typed_data(), k, maps.channels, 1,
            Reads::forward(to.height, maps.height, k, stride, pad),
            Reads::forward(to.width, maps.width, k, stride, pad)};
  }

  static Source input_gradient(F32 g, F32 w, S32 live, const Maps& to, Index stride, Index pad) {
    Maps maps(g.dimensions(), live.typed_data()[1]);
    Index k = w.dimensions()[1];
    return {g.typed_data(), maps, w.typed_data(), k, to.channels, k * k * to.channels,
            Reads::input_gradient(to.height, maps.height, k, stride, pad),
            Reads::input_gradient(to.width, maps.width, k, stride, pad)};
  }
};

// Every pixel of `to` from those of the sources that it reads.
template <std::size_t S>
void convolve(float* y, const Maps& to, const std::array<Source, S>& sources, Index w_outer,
              const float* bias) {
  Index most = 0;
  for (const Source& source : sources) most += source.k * source.k;
  std::vector<Tap> taps(most);
  for (Index h = 0; h < to.height; ++h)
    for (Index q = 0; q < to.width; ++q, y += to.pixel()) {
      int count = 0;
      for (const Source& source : sources) count += source.taps(h, q, taps.data() + count);
      Pixel{taps.data(), count, sources[0].maps.live, to.live, to.images, w_outer, bias}.compute(y);
      clear_rest(y, to);
    }
}

ffi::Error forward(F32 x, F32 w, F32 bias, S32 live, F32Result y, int64_t stride, int64_t pad,
                   int64_t pad_after) {
  const Convolution call{x.dimensions(), w.dimensions(), y->dimensions(), live,
                         stride,         pad,            pad_after};
  if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(y->dimensions(), live.typed_data()[1]);
  Index k = w.dimensions()[1], channels = x.dimensions()[0];
  if (!is_vector(bias.dimensions(), to.channels))
    return refused("the bias must be a vector [O] for the result " + shown(y->dimensions()),
                   shown(bias.dimensions()));
  convolve(y->typed_data(), to, std::array{Source::forward(x, w, live, to, stride, pad)},
           k * k * channels, bias.typed_data());
  return ffi::Error::Success();
}

ffi::Error input_gradient(F32 g, F32 w, S32 live, F32Result dx, int64_t stride, int64_t pad,
                          int64_t pad_after) {
  const Convolution call{dx->dimensions(), w.dimensions(), g.dimensions(), live,
                         stride,           pad,            pad_after};
  if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(dx->dimensions(), live.typed_data()[0]);
  convolve(dx->typed_data(), to, std::array{Source::input_gradient(g, w, live, to, stride, pad)}, 1,
           nullptr);
  return ffi::Error::Success();
}

// Of maps that two convolutions of one stride read, the second with a 1 x 1 kernel p.
ffi::Error input_gradient_of_both(F32 g, F32 w, F32 h, F32 p, S32 live, F32Result dx,
                                  int64_t stride, int64_t pad, int64_t pad_after) {
  const Convolution first{dx->dimensions(), w.dimensions(), g.dimensions(), live,
                          stride,           pad,            pad_after};
  const Convolution second{dx->dimensions(), p.dimensions(), h.dimensions(), live, stride, 0, 0};
  for (const Convolution& call : {first, second})
    if (ffi::Error error = call.check(); error.failure()) return error;
  Maps to(dx->dimensions(), live.typed_data()[0]);
  convolve(dx->typed_data(), to,
           std::array{Source::input_gradient(g, w, live, to, stride, pad),
                      Source::input_gradient(h, p, live, to, stride, 0)},
           1, nullptr);
  return ffi::Error::Success();
}

// sums[o, c] += sum over pixels and images of g[o] x[c]: one vector of partial sums for each pair.
template <int N, int O, int C>
void outer(float* sums, Index row, const float* g, Index g_pixel, Index g_channel, const float* x,
           Index x_pixel, Index x_channel, Index pixels, Index images) {
  Vector<N> kept[O][C];
  for (int o = 0; o < O; ++o)
    for (int c = 0; c < C; ++c) kept[o][c] = load<N>(sums + o * row + c * kLanes);
  for (Index p = 0; p < pixels; ++p, g += g_pixel, x += x_pixel)
    for (Index b = 0; b < images; b += N) {
      Vector<N> gs[O];
      for (int o = 0; o < O; ++o) {
        gs[o] = load<N>(g + o * g_channel + b);
        KEEP(gs[o]);
      }
      for (int c = 0; c < C; ++c) {
        Vector<N> xs = load<N>(x + c * x_channel + b);
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

// The columns of the result whose tap j lies inside the image: first, one past the last.
std::array<Index, 2> columns_of(Index j, Index out, Index in, Index stride, Index pad) {
  Index first = std::min(out, j < pad ? parts_of(pad - j, stride) : 0);
  Index last = in + pad > j ? std::min(out, (in + pad - j - 1) / stride + 1) : 0;
  return {first, std::max(first, last)};
}

// A row of g and the rows of x that it meets stay in the first-level cache for all taps.
class WeightGradient {
 public:
  WeightGradient(const Maps& x, const Maps& g, Index k, Index stride, Index pad)
      : x_(x), g_(g), k_(k), stride_(stride), pad_(pad), row_(k * k * x.live * kLanes) {
    for (Index j = 0; j < k; ++j)
      columns_.push_back(columns_of(j, g.width, x.width, stride, pad));
    static thread_local std::vector<float> scratch;
    Index packed = kOuterRows * g.width * g.images;
    scratch.assign(g.live * row_ + packed + kLanes, 0.0f);
    auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    sums_ = scratch.data() + (-address / sizeof(float)) % kLanes;
    packed_ = sums_ + g.live * row_;
  }

  void compute(float* dw, const float* g, const float* x) {
    Index whole = g_.images / kLanes * kLanes;
    if (whole) add<kLanes>(g, x, whole);
    if (whole < g_.images) add<1>(g + whole, x + whole, g_.images - whole);
    std::fill_n(dw, g_.channels * k_ * k_ * x_.channels, 0.0f);
    const float* own = sums_;
    for (Index m = 0; m < g_.live * k_ * k_; ++m)
      for (Index c = 0; c < x_.live; ++c, own += kLanes)
        dw[m * x_.channels + c] = sum_of_lanes(own);
  }

 private:
  template <int N>
  void add(const float* g, const float* x, Index images) {
    for (Index h = 0; h < g_.height; ++h) {
      Index o = 0;
      for (Index parts = parts_of(g_.live, kOuterRows); parts > 0; --parts) {
        Index size = part(g_.live - o, parts);
        pack(g + h * g_.width * g_.pixel() + o * g_.images, size, images);
        add_rows<N>(h, o, size, x, images);
        o += size;
      }
    }
  }

  // Some channels of a row of g without those between: in place their pixels share cache sets.
  void pack(const float* g, Index size, Index images) {
    float* to = packed_;
    for (Index q = 0; q < g_.width; ++q)
      for (Index o = 0; o < size; ++o, to += images)
        std::memcpy(to, g + q * g_.pixel() + o * g_.images, images * sizeof(float));
  }

  template <int N>
  void add_rows(Index h, Index o, Index o_size, const float* x, Index images) {
    Index c = 0;
    for (Index parts = parts_of(x_.live, kOuterColumns); parts > 0; --parts) {
      Index c_size = part(x_.live - c, parts);
      Outer function = outer_of<N>(o_size, c_size);
      for (Index i = 0; i < k_; ++i) {
        Index r = h * stride_ + i - pad_;
        if (r < 0 || r >= x_.height) continue;
        for (Index j = 0; j < k_; ++j) {
          auto [first, last] = columns_[j];
          Index column = first * stride_ + j - pad_;
          function(sums_ + o * row_ + ((i * k_ + j) * x_.live + c) * kLanes, row_,
                   packed_ + first * o_size * images, o_size * images, images,
                   x + (r * x_.width + column) * x_.pixel() + c * x_.images, stride_ * x_.pixel(),
                   x_.images, last - first, images);
        }
      }
      c += c_size;
    }
  }

  Maps x_, g_;
  Index k_, stride_, pad_, row_;
  std::vector<std::array<Index, 2>> columns_;  // of each tap of a row
  float *sums_, *packed_;
};

ffi::Error weight_gradient(F32 g, F32 x, S32 live, F32Result dw, int64_t stride, int64_t pad,
                           int64_t pad_after) {
  const Convolution call{x.dimensions(), dw->dimensions(), g.dimensions(), live,
                         stride,         pad,              pad_after};
  if (ffi::Error error = call.check(); error.failure()) return error;
  const int32_t* channels = live.typed_data();
  Maps from(x.dimensions(), channels[0]), to(g.dimensions(), channels[1]);
  WeightGradient(from, to, dw->dimensions()[1], stride, pad)
      .compute(dw->typed_data(), g.typed_data(), x.typed_data());
  return ffi::Error::Success();
}

ffi::Error bias_gradient(F32 g, S32 live, F32Result db) {
  const Shape shape = g.dimensions();
  if (shape.size() != 4) return refused("maps must have the shape [C, H, W, B]", shown(shape));
  if (!is_vector(db->dimensions(), shape[0]))
    return refused("the gradient of the bias of maps " + shown(shape) + " must be a vector [C]",
                   shown(db->dimensions()));
  if (!fits(live, {kLargest, shape[0]}))
    return refused("live must be two numbers, the second within 0 .. C of maps " + shown(shape),
                   shown(live));
  ChannelSums<1> sums(Maps(shape, live.typed_data()[1]));
  sums.add([&]<int N>(Lanes<N>, Index, Index at) {
    return std::array{load<N>(g.typed_data() + at)};
  });
  sums.totals(0, db->typed_data());
  return ffi::Error::Success();
}

}  // namespace

#define BIND(BUFFERS)         \
  ffi::Ffi::Bind()            \
      .BUFFERS.Arg<S32>()     \
      .Ret<F32>()             \
      .Attr<int64_t>("stride") \
      .Attr<int64_t>("pad")   \
      .Attr<int64_t>("pad_after")
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv, forward, BIND(Arg<F32>().Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_input_gradient, input_gradient,
                              BIND(Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_input_gradient_of_both, input_gradient_of_both,
                              BIND(Arg<F32>().Arg<F32>().Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_weight_gradient, weight_gradient,
                              BIND(Arg<F32>().Arg<F32>()));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_conv_bias_gradient, bias_gradient,
                              ffi::Ffi::Bind().Arg<F32>().Arg<S32>().Ret<F32>());
