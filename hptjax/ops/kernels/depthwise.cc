// Depthwise convolution and its gradients: x [C, H, W, B], w [C, h, w], y [C, H', W', B].
//
// One channel of kLanes images at a time is copied to a plane with zeros around it. In the plane its
// pixels lie side by side (in the maps they share cache sets), and every tap falls inside.
// live: [1], the number of live channels.

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

constexpr int kPixels = 8;  // sums side by side: as many as the multipliers have in flight

// Results along one axis that read alike. Result `first + n * every` reads place `place + n * step`
// of a plane for each tap, n < count.
struct Alike {
  struct Read {
    Index tap, place;
  };
  Index first, every, count, step;
  std::vector<Read> reads;
};

// One axis of a plane of `size` places; the source begins after `before` zeros.
struct Plane {
  Index source, before, size;
  std::vector<Alike> results;

  static Plane forward(const Axis& a) {
    Plane plane{a.in, a.pad, (a.out - 1) * a.stride + (a.k - 1) * a.dilation + 1, {}};
    Alike all{0, 1, a.out, a.stride, {}};
    for (Index j = 0; j < a.k; ++j) all.reads.push_back({j, j * a.dilation});
    plane.results.push_back(std::move(all));
    return plane;
  }

  // Places s of the input, and the results q that read each: q * stride + j * dilation == s + pad.
  static Plane input_gradient(const Axis& a) {
    Plane plane{a.out, 0, a.out, {}};
    Index lowest = 0, highest = a.out - 1;
    for (Index first = 0; first < std::min(a.stride, a.in); ++first) {
      Alike alike{first, a.stride, (a.in - first - 1) / a.stride + 1, 1, {}};
      for (Index j = 0; j < a.k; ++j) {
        const Index at = first + a.pad - j * a.dilation, place = at / a.stride;
        if (at % a.stride || place >= a.out || place + alike.count <= 0) continue;
        alike.reads.push_back({j, place});
        lowest = std::min(lowest, place);
        highest = std::max(highest, place + alike.count - 1);
      }
      plane.results.push_back(std::move(alike));
    }
    plane.before = -lowest;
    plane.size = highest - lowest + 1;
    for (Alike& alike : plane.results)
      for (Alike::Read& read : alike.reads) read.place -= lowest;
    return plane;
  }
};

// One channel of some images, [rows, columns, kLanes].
struct Scratch {
  const Plane &rows, &columns;
  float* data;

  Scratch(std::vector<float>& memory, const Plane& rows, const Plane& columns)
      : rows(rows), columns(columns) {
    memory.assign(rows.size * columns.size * kLanes + kLanes, 0.0f);
    auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    data = memory.data() + (-address / sizeof(float)) % kLanes;
  }

  // from: the channel's first pixel, of `images` images; the places around it stay zero.
  void copy(const float* from, Index pixel, Index images) {
    const Index height = std::min(rows.source, rows.size - rows.before);
    const Index width = std::min(columns.source, columns.size - columns.before);
    for (Index r = 0; r < height; ++r) {
      const float* row = from + r * columns.source * pixel;
      float* to = data + ((rows.before + r) * columns.size + columns.before) * kLanes;
      for (Index q = 0; q < width; ++q, row += pixel, to += kLanes) {
        if (images == kLanes) {
          store<kLanes>(to, load<kLanes>(row));
        } else {
          std::copy_n(row, images, to);
          std::fill(to + images, to + kLanes, 0.0f);
        }
      }
    }
  }
};

struct Weighed {
  Index place;
  float weight;
};

// y[t] = sum over taps of plane[place + t * step] * weight; t < T, places in vectors.
template <int T>
void pixels(float* y, Index y_step, const float* plane, Index step, const Weighed* taps, Index count,
            Index images) {
  Vector<kLanes> sums[T];
  for (int t = 0; t < T; ++t) sums[t] = fill<kLanes>(0.0f);
  for (Index k = 0; k < count; ++k) {
    const float* from = plane + taps[k].place * kLanes;
    Vector<kLanes> weight = fill<kLanes>(taps[k].weight);
    KEEP(weight);
    for (int t = 0; t < T; ++t) sums[t] += load<kLanes>(from + t * step * kLanes) * weight;
  }
  for (int t = 0; t < T; ++t, y += y_step) {
    if (images == kLanes) {
      store<kLanes>(y, sums[t]);
    } else {
      std::copy_n(reinterpret_cast<const float*>(&sums[t]), images, y);
    }
  }
}

template <int... T>
constexpr auto pixels_table(std::integer_sequence<int, T...>) {
  return std::array{&pixels<T + 1>...};
}
constexpr auto kPixelsOf = pixels_table(std::make_integer_sequence<int, kPixels>());

// The channels of a kernel [C, h, w], read one after another.
void correlate(float* y, const Maps& to, const float* x, const Maps& from, const float* w,
               Index columns_of_kernel, Index size_of_kernel, const Plane& rows,
               const Plane& columns) {
  static thread_local std::vector<float> memory;
  Scratch plane(memory, rows, columns);
  std::vector<Weighed> taps(size_of_kernel);
  for (Index c = 0; c < to.live; ++c)
    for (Index b = 0; b < to.images; b += kLanes) {
      const Index images = std::min<Index>(kLanes, to.images - b);
      plane.copy(x + c * from.images + b, from.pixel(), images);
      for (const Alike& row : rows.results)
        for (const Alike& column : columns.results) {
          Index count = 0;
          for (const auto& r : row.reads)
            for (const auto& q : column.reads)
              taps[count++] = {r.place * columns.size + q.place,
                               w[c * size_of_kernel + r.tap * columns_of_kernel + q.tap]};
          for (Index h = 0; h < row.count; ++h) {
            float* to_row = y + ((row.first + h * row.every) * to.width + column.first) * to.pixel() +
                            c * to.images + b;
            const float* from_row = plane.data + h * row.step * columns.size * kLanes;
            Index q = 0;
            for (Index parts = parts_of(column.count, kPixels); parts > 0; --parts) {
              const Index size = part(column.count - q, parts);
              kPixelsOf[size - 1](to_row + q * column.every * to.pixel(),
                                  column.every * to.pixel(), from_row + q * column.step * kLanes,
                                  column.step, taps.data(), count, images);
              q += size;
            }
          }
        }
    }
  clear_dead(y, to);
}

// sums[t] += sum over pixels of a row of g[q] x[place_t + q * step]; t < T, places in vectors.
template <int T>
void row_of_weights(float* sums, const float* g, const float* x, const Index* places, Index step,
                    Index count) {
  Vector<kLanes> kept[T];
  for (int t = 0; t < T; ++t) kept[t] = load<kLanes>(sums + t * kLanes);
  for (Index q = 0; q < count; ++q) {
    Vector<kLanes> own = load<kLanes>(g + q * kLanes);
    KEEP(own);
    for (int t = 0; t < T; ++t)
      kept[t] += load<kLanes>(x + (places[t] + q * step) * kLanes) * own;
  }
  for (int t = 0; t < T; ++t) store<kLanes>(sums + t * kLanes, kept[t]);
}

template <int... T>
constexpr auto weights_table(std::integer_sequence<int, T...>) {
  return std::array{&row_of_weights<T + 1>...};
}
constexpr auto kWeightsOf = weights_table(std::make_integer_sequence<int, kPixels>());

// A depthwise convolution of x by w [C, h, w] to y, or a gradient of one.
struct Depthwise {
  Shape x, w, y;
  S32 live;
  Moves moves;

  ffi::Error check() const {
    const char* must = broken();
    if (!must) return ffi::Error::Success();
    return refused(must, "maps " + shown(x) + ", kernel " + shown(w) + ", result " + shown(y) +
                             ", " + moves.text() + ", live " + shown(live));
  }

  Axis rows() const { return moves.rows(x, y, w[1]); }
  Axis columns() const { return moves.columns(x, y, w[2]); }

 private:
  const char* broken() const {
    if (x.size() != 4 || y.size() != 4) return "maps must have the shape [C, H, W, B]";
    if (w.size() != 3 || w[1] < 1 || w[2] < 1)
      return "a depthwise kernel must have the shape [C, h, w] and h, w be at least 1";
    if (w[0] != x[0] || w[0] != y[0]) return "a depthwise kernel must have the channels of its maps";
    if (const char* must = moves.broken(x, y, w[1], w[2])) return must;
    if (!fits(live, {x[0]})) return "live must be one number within 0 .. C";
    return nullptr;
  }
};

ffi::Error depthwise(F32 x, F32 w, S32 live, F32Result y, int64_t stride, int64_t dilation,
                     int64_t top, int64_t bottom, int64_t left, int64_t right) {
  const Depthwise call{x.dimensions(), w.dimensions(), y->dimensions(), live,
                       {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  const Maps from(call.x, live.typed_data()[0]), to(call.y, live.typed_data()[0]);
  correlate(y->typed_data(), to, x.typed_data(), from, w.typed_data(), call.w[2],
            call.w[1] * call.w[2], Plane::forward(call.rows()), Plane::forward(call.columns()));
  return ffi::Error::Success();
}

ffi::Error depthwise_input_gradient(F32 g, F32 w, S32 live, F32Result dx, int64_t stride,
                                    int64_t dilation, int64_t top, int64_t bottom, int64_t left,
                                    int64_t right) {
  const Depthwise call{dx->dimensions(), w.dimensions(), g.dimensions(), live,
                       {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  const Maps from(call.y, live.typed_data()[0]), to(call.x, live.typed_data()[0]);
  correlate(dx->typed_data(), to, g.typed_data(), from, w.typed_data(), call.w[2],
            call.w[1] * call.w[2], Plane::input_gradient(call.rows()),
            Plane::input_gradient(call.columns()));
  return ffi::Error::Success();
}

ffi::Error depthwise_weight_gradient(F32 g, F32 x, S32 live, F32Result dw, int64_t stride,
                                     int64_t dilation, int64_t top, int64_t bottom, int64_t left,
                                     int64_t right) {
  const Depthwise call{x.dimensions(), dw->dimensions(), g.dimensions(), live,
                       {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  const Maps from(call.x, live.typed_data()[0]), to(call.y, live.typed_data()[0]);
  const Plane rows = Plane::forward(call.rows()), columns = Plane::forward(call.columns());
  const Plane own_rows{to.height, 0, to.height, {}}, own_columns{to.width, 0, to.width, {}};
  static thread_local std::vector<float> memory, own_memory, sums;
  Scratch plane(memory, rows, columns), own(own_memory, own_rows, own_columns);
  std::vector<Index> places;
  for (const auto& r : rows.results[0].reads)
    for (const auto& q : columns.results[0].reads)
      places.push_back(r.place * columns.size + q.place);
  const Index taps = places.size();
  float* to_channel = dw->typed_data();
  for (Index c = 0; c < from.channels; ++c, to_channel += taps) {
    sums.assign(taps * kLanes, 0.0f);
    for (Index b = 0; c < from.live && b < from.images; b += kLanes) {
      const Index images = std::min<Index>(kLanes, from.images - b);
      plane.copy(x.typed_data() + c * from.images + b, from.pixel(), images);
      own.copy(g.typed_data() + c * to.images + b, to.pixel(), images);
      for (Index h = 0; h < to.height; ++h) {
        Index t = 0;
        for (Index parts = parts_of(taps, kPixels); parts > 0; --parts) {
          const Index size = part(taps - t, parts);
          kWeightsOf[size - 1](sums.data() + t * kLanes, own.data + h * to.width * kLanes,
                               plane.data + h * stride * columns.size * kLanes, places.data() + t,
                               stride, to.width);
          t += size;
        }
      }
    }
    for (Index t = 0; t < taps; ++t) to_channel[t] = sum_of_lanes(sums.data() + t * kLanes);
  }
  return ffi::Error::Success();
}

}  // namespace

#define BIND_DEPTHWISE() \
  ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<S32>().Ret<F32>().MOVES
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_depthwise, depthwise, BIND_DEPTHWISE());
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_depthwise_input_gradient, depthwise_input_gradient,
                              BIND_DEPTHWISE());
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_depthwise_weight_gradient, depthwise_weight_gradient,
                              BIND_DEPTHWISE());
