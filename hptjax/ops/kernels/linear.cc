// Linear layers and their gradients: x [I, B], w [O, I], y [O, B]. live: [I, O], the live units.
//
// All three are products y[t, b] = sum over n of w[t, n] x[n, b] with b innermost, kRows results by
// kVectors vectors at a time. The kernel's gradient takes units of x for b: it transposes x first.

#include <algorithm>
#include <array>
#include <utility>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

// Terms that are summed at a time: their part of x stays in the first-level cache.
constexpr Index kTerms = 128;

// y[t, b] = start[t] + sum over n < terms of w[t, n] x[n, b]; t < T, b < V * N. The start is the old
// y, or the bias if there is one, or else 0.
template <int N, int V, int T>
void block(float* y, Index y_row, const Factors& of, Index terms, const float* bias, bool adds) {
  Vector<N> sums[T][V];
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v)
      sums[t][v] = adds ? load<N>(y + t * y_row + v * N) : fill<N>(bias ? bias[t] : 0.0f);
  add_products<N>(sums, of, terms);
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < V; ++v) store<N>(y + t * y_row + v * N, sums[t][v]);
}

template <int N, int V, int... T>
constexpr auto block_table(std::integer_sequence<int, T...>) {
  return std::array{&block<N, V, T + 1>...};
}

// Computes V vectors of every row of y.
template <int N, int V>
void column(float* y, Index y_row, Factors of, Index rows, Index terms, const float* bias,
            bool adds) {
  static constexpr auto blocks = block_table<N, V>(std::make_integer_sequence<int, kRows>());
  for (Index parts = parts_of(rows, kRows); parts > 0; --parts) {
    const Index size = part(rows, parts);
    blocks[size - 1](y, y_row, of, terms, bias, adds);
    y += size * y_row, of.w += size * of.w_result, rows -= size;
    if (bias) bias += size;
  }
}

// Computes the first `width` numbers of every row of y.
void multiply(float* y, Index y_row, const Factors& of, Index rows, Index width, Index terms,
              const float* bias) {
  for (Index n = 0; n == 0 || n < terms; n += kTerms) {
    const Index some = std::min(kTerms, terms - n);
    Index b = 0;
    const auto own = [&] {
      return Factors{of.x + n * of.x_step + b, of.x_step, of.w + n * of.w_step, of.w_step,
                     of.w_result};
    };
    const auto vectors = [&]<int V>(std::integral_constant<int, V>) {
      for (; b + V * kLanes <= width; b += V * kLanes)
        column<kLanes, V>(y + b, y_row, own(), rows, some, bias, n > 0);
    };
    vectors(std::integral_constant<int, kVectors>());
    if constexpr (kVectors > 2) vectors(std::integral_constant<int, 2>());
    vectors(std::integral_constant<int, 1>());
    for (; b < width; ++b) column<1, 1>(y + b, y_row, own(), rows, some, bias, n > 0);
  }
}

// Picks numbers from two vectors: places 0 .. kLanes - 1 are in the first, later ones in the second.
template <int... Place>
Vector<kLanes> taken(Vector<kLanes> a, Vector<kLanes> b) {
#if __has_builtin(__builtin_shufflevector)
  return __builtin_shufflevector(a, b, Place...);
#else  // GCC before 12
  typedef int Places __attribute__((vector_size(4 * kLanes)));
  return __builtin_shuffle(a, b, Places{Place...});
#endif
}

// Returns one of a pair of rows after step S of a transposition.
template <int S, bool Second, int... I>
Vector<kLanes> mixed(Vector<kLanes> a, Vector<kLanes> b, std::integer_sequence<int, I...>) {
  if constexpr (Second)
    return taken<((I & S) ? I + kLanes : I + S)...>(a, b);
  else
    return taken<((I & S) ? I + kLanes - S : I)...>(a, b);
}

template <int S>
void exchange(Vector<kLanes>* rows) {
  if constexpr (S < kLanes) {
    constexpr auto all = std::make_integer_sequence<int, kLanes>();
    for (int r = 0; r < kLanes; ++r)
      if ((r & S) == 0) {
        const Vector<kLanes> a = rows[r], b = rows[r + S];
        rows[r] = mixed<S, false>(a, b, all);
        rows[r + S] = mixed<S, true>(a, b, all);
      }
    exchange<2 * S>(rows);
  }
}

// to[b, i] = from[i, b] for `units` values of i, and all b.
void transpose(const float* from, Index units, Index images, float* to, Index to_row) {
  const Index whole = units / kLanes * kLanes, columns = images / kLanes * kLanes;
  for (Index i = 0; i < whole; i += kLanes)
    for (Index b = 0; b < columns; b += kLanes) {
      Vector<kLanes> rows[kLanes];
      for (int r = 0; r < kLanes; ++r) rows[r] = load<kLanes>(from + (i + r) * images + b);
      exchange<1>(rows);
      for (int r = 0; r < kLanes; ++r) store<kLanes>(to + (b + r) * to_row + i, rows[r]);
    }
  for (Index i = 0; i < units; ++i)
    for (Index b = i < whole ? columns : 0; b < images; ++b) to[b * to_row + i] = from[i * images + b];
}

ffi::Error check_linear(Shape x, Shape w, Shape y, const S32& live) {
  const std::string given = "x " + shown(x) + ", w " + shown(w) + ", y " + shown(y);
  if (x.size() != 2 || w.size() != 2 || y.size() != 2 || w[0] != y[0] || w[1] != x[0] ||
      x[1] != y[1])
    return refused("a linear layer must have x [I, B], w [O, I] and y [O, B]", given);
  if (!fits(live, {x[0], y[0]}))
    return refused("live must be two numbers within 0 .. I and 0 .. O of " + given, shown(live));
  return ffi::Error::Success();
}

ffi::Error linear(F32 x, F32 w, F32 bias, S32 live, F32Result y) {
  const Shape from = x.dimensions(), to = y->dimensions();
  if (ffi::Error error = check_linear(from, w.dimensions(), to, live); error.failure()) return error;
  if (!is_vector(bias.dimensions(), to[0]))
    return refused("the bias must be a vector [O] for the result " + shown(to),
                   shown(bias.dimensions()));
  const Index images = from[1], terms = live.typed_data()[0], rows = live.typed_data()[1];
  const Factors of{x.typed_data(), images, w.typed_data(), 1, from[0]};
  multiply(y->typed_data(), images, of, rows, images, terms, bias.typed_data());
  std::fill(y->typed_data() + rows * images, y->typed_data() + to[0] * images, 0.0f);
  return ffi::Error::Success();
}

ffi::Error linear_input_gradient(F32 g, F32 w, S32 live, F32Result dx) {
  const Shape from = dx->dimensions(), to = g.dimensions();
  if (ffi::Error error = check_linear(from, w.dimensions(), to, live); error.failure()) return error;
  const Index images = from[1], rows = live.typed_data()[0], terms = live.typed_data()[1];
  const Factors of{g.typed_data(), images, w.typed_data(), from[0], 1};
  multiply(dx->typed_data(), images, of, rows, images, terms, nullptr);
  std::fill(dx->typed_data() + rows * images, dx->typed_data() + from[0] * images, 0.0f);
  return ffi::Error::Success();
}

ffi::Error linear_weight_gradient(F32 g, F32 x, S32 live, F32Result dw) {
  const Shape from = x.dimensions(), to = g.dimensions();
  if (ffi::Error error = check_linear(from, dw->dimensions(), to, live); error.failure())
    return error;
  const Index images = from[1], units = live.typed_data()[0], rows = live.typed_data()[1];
  constexpr Index kUnits = kVectors * kLanes;  // units of x that are transposed at a time
  float* turned = scratch(images * kUnits);
  float* result = dw->typed_data();
  std::fill_n(result, to[0] * from[0], 0.0f);
  for (Index i = 0; i < units; i += kUnits) {
    const Index some = std::min(kUnits, units - i);
    transpose(x.typed_data() + i * images, some, images, turned, kUnits);
    const Factors of{turned, kUnits, g.typed_data(), 1, images};
    multiply(result + i, from[0], of, rows, some, images, nullptr);
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_linear, linear,
    ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<F32>().Arg<S32>().Ret<F32>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_linear_input_gradient, linear_input_gradient,
                              ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<S32>().Ret<F32>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_linear_weight_gradient, linear_weight_gradient,
                              ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<S32>().Ret<F32>());
