// Max pool of maps [C, H, W, B] and its gradient. live: [1], the live channels.

#include <algorithm>
#include <cmath>
#include <vector>

#include "checks.h"
#include "direct.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

// A max pool of x to y by windows of size x size, or the gradient of one.
struct Pool {
  Shape x, y;
  S32 live;
  int64_t size;
  Moves moves;

  ffi::Error check() const {
    const char* must = broken();
    if (!must) return ffi::Error::Success();
    return refused(must, "maps " + shown(x) + ", result " + shown(y) + ", size " +
                             std::to_string(size) + ", " + moves.text() + ", live " + shown(live));
  }

 private:
  const char* broken() const {
    if (x.size() != 4 || y.size() != 4) return "maps must have the shape [C, H, W, B]";
    if (x[0] != y[0]) return "a pool must have the channels of its maps";
    if (size < 1 || size > kLargest) return "the size of a window must be at least 1";
    if (const char* must = moves.broken(x, y, size, size)) return must;
    if (!fits(live, {x[0]})) return "live must be one number within 0 .. C";
    return nullptr;
  }
};

// The windows of a pool: where each pixel of the result reads.
class Windows {
 public:
  explicit Windows(const Pool& call)
      : from_(call.x, call.live.typed_data()[0]),
        to_(call.y, call.live.typed_data()[0]),
        rows_(Reads::forward(call.moves.rows(call.x, call.y, call.size))),
        columns_(Reads::forward(call.moves.columns(call.x, call.y, call.size))),
        places_(call.x[1] * call.x[2]) {}

  // work(result, places, count): the start of a pixel of the result, and the pixels of its window.
  template <class Row, class Work>
  void each(Row row, Work work) {
    for (Index h = 0; h < to_.height; ++h) {
      row(rows_.begin(h) == rows_.end(h) ? 0 : (rows_.end(h) - 1)->source + 1);
      for (Index q = 0; q < to_.width; ++q) {
        Index count = 0;
        for (const auto* r = rows_.begin(h); r != rows_.end(h); ++r)
          for (const auto* c = columns_.begin(q); c != columns_.end(q); ++c)
            places_[count++] = (r->source * from_.width + c->source) * from_.pixel();
        work((h * to_.width + q) * to_.pixel(), places_.data(), count);
      }
    }
  }

  const Maps& from() const { return from_; }
  const Maps& to() const { return to_; }
  Index run() const { return from_.live * from_.images; }  // the number of live numbers of a pixel

 private:
  Maps from_, to_;
  Reads rows_, columns_;
  std::vector<Index> places_;
};

// y[i] = the largest of x[place + i], i < V * N; NaN if any is NaN.
template <int N, int V>
void largest(float* y, const float* x, const Index* places, Index count) {
  Vector<N> most[V];
  for (int v = 0; v < V; ++v) most[v] = fill<N>(-INFINITY);
  for (Index k = 0; k < count; ++k)
    for (int v = 0; v < V; ++v) {
      const Vector<N> next = load<N>(x + places[k] + v * N);
      most[v] = most[v] > next ? most[v] : most[v] != most[v] ? most[v] : next;
    }
  for (int v = 0; v < V; ++v) store<N>(y + v * N, most[v]);
}

// dx[place + i] += g[i] for the first place of the window where x is y, i < N.
template <int N>
void pass_back(float* dx, const float* x, const float* y, const float* g, const Index* places,
               Index count) {
  const Vector<N> most = load<N>(y);
  Vector<N> left = load<N>(g);
  for (Index k = 0; k < count; ++k) {
    float* to = dx + places[k];
    const Vector<N> own = load<N>(x + places[k]), before = load<N>(to);
    store<N>(to, own == most ? before + left : before);
    left = own == most ? fill<N>(0.0f) : left;
  }
}

ffi::Error max_pool(F32 x_, S32 live, F32Result y_, int64_t size, int64_t stride, int64_t dilation,
                    int64_t top, int64_t bottom, int64_t left, int64_t right) {
  const Pool call{x_.dimensions(), y_->dimensions(), live, size,
                  {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  Windows windows(call);
  const float* x = x_.typed_data();
  float* y = y_->typed_data();
  windows.each([](Index) {}, [&](Index to, const Index* places, Index count) {
    const Index run = windows.run();
    Index i = 0;
    for (; i + 4 * kLanes <= run; i += 4 * kLanes)
      largest<kLanes, 4>(y + to + i, x + i, places, count);
    for (; i + kLanes <= run; i += kLanes) largest<kLanes, 1>(y + to + i, x + i, places, count);
    for (; i < run; ++i) largest<1, 1>(y + to + i, x + i, places, count);
    clear_rest(y + to, windows.to());
  });
  return ffi::Error::Success();
}

ffi::Error max_pool_gradient(F32 x_, F32 y_, F32 g_, S32 live, F32Result dx_, int64_t size,
                             int64_t stride, int64_t dilation, int64_t top, int64_t bottom,
                             int64_t left, int64_t right) {
  const Pool call{x_.dimensions(), y_.dimensions(), live, size,
                  {stride, dilation, top, bottom, left, right}};
  if (ffi::Error error = call.check(); error.failure()) return error;
  if (!same(g_.dimensions(), call.y) || !same(dx_->dimensions(), call.x))
    return refused("gradients must be of the shapes " + shown(call.y) + " and " + shown(call.x),
                   shown(g_.dimensions()) + " and " + shown(dx_->dimensions()));
  Windows windows(call);
  const float *x = x_.typed_data(), *y = y_.typed_data(), *g = g_.typed_data();
  float* dx = dx_->typed_data();
  const Index row = windows.from().width * windows.from().pixel();
  Index cleared = 0;  // rows of dx: each is cleared just before the first window that reaches it
  const auto clear_until = [&](Index end) {
    if (end > cleared) std::fill(dx + cleared * row, dx + end * row, 0.0f);
    cleared = std::max(cleared, end);
  };
  windows.each(clear_until, [&](Index to, const Index* places, Index count) {
    const Index run = windows.run();
    Index i = 0;
    for (; i + kLanes <= run; i += kLanes)
      pass_back<kLanes>(dx + i, x + i, y + to + i, g + to + i, places, count);
    for (; i < run; ++i) pass_back<1>(dx + i, x + i, y + to + i, g + to + i, places, count);
  });
  clear_until(windows.from().height);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_max_pool, max_pool,
    ffi::Ffi::Bind().Arg<F32>().Arg<S32>().Ret<F32>().Attr<int64_t>("size").MOVES);
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_max_pool_gradient, max_pool_gradient,
                              ffi::Ffi::Bind()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<S32>()
                                  .Ret<F32>()
                                  .Attr<int64_t>("size")
                                  .MOVES);
