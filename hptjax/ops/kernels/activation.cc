// Activations that cost an exponential, and their slopes: gelu (with the error function) and mish.
//
// A number's result does not depend on its place in the array: the last numbers, which fill no
// vector, go through the same instructions as all others.

#include <cstring>
#include <string_view>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

using Floats = Vector<kLanes>;

inline Floats all(float value) { return fill<kLanes>(value); }

// exp(x) of numbers that are not above 0: 2^n * exp(r) with a whole n and |r| <= log(2) / 2. The
// coefficients are those of Cephes' expf.
inline Floats exponential(Floats x) {
  const auto vanishes = x < -87.0f;  // below the normal numbers of float32
  x = vanishes ? all(-87.0f) : x;
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: the sum's last bits are the whole number
  const Floats shifted = x * 1.44269504f + kShift;
  const Floats n = shifted - kShift;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // log(2) in two parts
  Floats series = r * 1.9875691500e-4f + 1.3981999507e-3f;
  series = series * r + 8.3334519073e-3f;
  series = series * r + 4.1665795894e-2f;
  series = series * r + 1.6666665459e-1f;
  series = series * r + 5.0000001201e-1f;
  series = series * (r * r) + (r + 1.0f);
  const auto power = same_bits<Bits<kLanes>>(shifted) << 23;  // n in the place of an exponent
  const auto found = same_bits<Floats>(same_bits<Bits<kLanes>>(series) + power);
  return vanishes ? all(0.0f) : found;
}

inline Floats magnitude(Floats x) { return x < 0.0f ? -x : x; }

struct Result {
  Floats y, slope;
};

// x * P(x), where P is the normal distribution: below 0, P(x) = exp(-x^2 / 2) * R(t) / 2 with
// t = 1 / (1 + 0.3 |x|). The polynomial R / 2 was fitted to scipy.special.erfcx(|x| / sqrt(2)) / 2
// for |x| <= 9.5, to a relative error of 5e-8; beyond, the exponential is below 1e-19.
struct Gelu {
  static inline Result at(Floats x) {
    const Floats bell = exponential(x * x * -0.5f);
    const Floats t = 1.0f / (magnitude(x) * 0.3f + 1.0f);
    Floats sum = t * 0.037547879f + -0.1650768f;
    sum = sum * t + 0.22008383f;
    sum = sum * t + -0.066523019f;
    sum = sum * t + 0.13549559f;
    sum = sum * t + 0.097756352f;
    sum = sum * t + 0.12111115f;
    sum = sum * t + 0.11960504f;
    const Floats tail = bell * (sum * t);
    const Floats p = x < 0.0f ? tail : 1.0f - tail;
    return {x * p, p + x * (bell * 0.39894228f)};  // 1 / sqrt(2 pi)
  }
};

// x * tanh(log(1 + exp(x))): the tanh is a fraction of n = exp(-|x|), which does not overflow.
struct Mish {
  static inline Result at(Floats x) {
    const Floats n = exponential(-magnitude(x));
    const auto negative = x < 0.0f;
    const Floats above = negative ? n * (n + 2.0f) : 2.0f * n + 1.0f;
    const Floats gap = 2.0f * (negative ? all(1.0f) : n * n);
    const Floats inverse = 1.0f / (above + gap);
    const Floats tanh = above * inverse, missing = gap * inverse;  // missing: 1 - tanh
    const Floats sigmoid = (negative ? n : all(1.0f)) / (n + 1.0f);
    return {x * tanh, tanh + x * (missing * (1.0f + tanh)) * sigmoid};
  }
};

// write(to, result) stores what is wanted of kLanes results, for numbers to .. to + kLanes.
template <class Function, class Write>
void each(const float* x, Index count, Write write) {
  Index i = 0;
  for (; i + kLanes <= count; i += kLanes) write(i, kLanes, Function::at(load<kLanes>(x + i)));
  if (i == count) return;
  float rest[kLanes] = {};
  std::copy(x + i, x + count, rest);
  write(i, count - i, Function::at(load<kLanes>(rest)));
}

inline void put(float* to, Index count, Floats numbers) {
  if (count == kLanes)
    store<kLanes>(to, numbers);
  else
    std::memcpy(to, &numbers, count * sizeof(float));
}

template <class Function>
void values(const float* x, Index count, float* y) {
  each<Function>(x, count, [=](Index i, Index n, Result found) { put(y + i, n, found.y); });
}

template <class Function>
void values_and_slopes(const float* x, Index count, float* y, float* slope) {
  each<Function>(x, count, [=](Index i, Index n, Result found) {
    put(y + i, n, found.y);
    put(slope + i, n, found.slope);
  });
}

// run(function) with the function of this name.
template <class Run>
ffi::Error named(std::string_view name, Run run) {
  if (name == "gelu")
    run(Gelu());
  else if (name == "mish")
    run(Mish());
  else
    return refused("the activation must be gelu or mish", std::string(name));
  return ffi::Error::Success();
}

ffi::Error activation(F32 x, F32Result y, std::string_view name) {
  if (!same(y->dimensions(), x.dimensions()))
    return refused("the result must be of the shape " + shown(x.dimensions()),
                   shown(y->dimensions()));
  return named(name, [&](auto function) {
    values<decltype(function)>(x.typed_data(), x.element_count(), y->typed_data());
  });
}

ffi::Error activation_and_slope(F32 x, F32Result y, F32Result slope, std::string_view name) {
  for (const Shape shape : {y->dimensions(), slope->dimensions()})
    if (!same(shape, x.dimensions()))
      return refused("the results must be of the shape " + shown(x.dimensions()), shown(shape));
  return named(name, [&](auto function) {
    values_and_slopes<decltype(function)>(x.typed_data(), x.element_count(), y->typed_data(),
                                          slope->typed_data());
  });
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_activation, activation,
    ffi::Ffi::Bind().Arg<F32>().Ret<F32>().Attr<std::string_view>("name"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_activation_and_slope, activation_and_slope,
    ffi::Ffi::Bind().Arg<F32>().Ret<F32>().Ret<F32>().Attr<std::string_view>("name"));
