// Dropout of units [N, B] or maps [C, H, W, B]. It draws as jax.random.uniform does with the
// generator threefry2x32 and partitionable keys: number i of the array, in row-major order, gets the
// bits that XLA's operations give it. live: [1], the number of live units or channels. kept: 1 for
// each number that was kept, for the gradient: to draw again would take longer than to read a byte.
//
// Threefry: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

using U32 = ffi::Buffer<ffi::U32>;
using U8Result = ffi::Result<ffi::Buffer<ffi::U8>>;

template <int N>
inline Bits<N> counted_from(std::uint32_t first) {
  if constexpr (N == 1) {
    return first;
  } else {
    Bits<N> counts;
    for (int n = 0; n < N; ++n) counts[n] = first + n;
    return counts;
  }
}

template <int N>
struct BytesOf {
  typedef std::uint8_t type __attribute__((vector_size(N)));
};
template <>
struct BytesOf<1> {
  typedef std::uint8_t type;
};

template <int N>
using Bytes = typename BytesOf<N>::type;

// 1 where a comparison of N floats holds, else 0.
template <int N, class Comparison>
inline Bytes<N> narrowed(Comparison holds) {
  if constexpr (N == 1)
    return holds;
  else
    return __builtin_convertvector(holds & 1, Bytes<N>);
}

constexpr int kTurns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};

class Threefry {
 public:
  explicit Threefry(const std::uint32_t* key)
      : words_{key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDAu} {}

  // Draws 32 random bits for each of V * N counts, which are below 2^32.
  template <int N, int V>
  inline __attribute__((always_inline)) void draw(Bits<N> (&counts)[V]) const {
    Bits<N> high[V];
    for (int v = 0; v < V; ++v) {
      high[v] = words_[0] - Bits<N>{};
      counts[v] += words_[1];
    }
    mix<0>(high, counts);
    mix<1>(high, counts);
    mix<2>(high, counts);
    mix<3>(high, counts);
    mix<4>(high, counts);
    for (int v = 0; v < V; ++v) counts[v] ^= high[v];
  }

 private:
  // Four rounds, then the words of the key are added.
  template <int Group, class Numbers>
  inline __attribute__((always_inline)) void mix(Numbers& high, Numbers& low) const {
    turn<kTurns[Group % 2][0]>(high, low);
    turn<kTurns[Group % 2][1]>(high, low);
    turn<kTurns[Group % 2][2]>(high, low);
    turn<kTurns[Group % 2][3]>(high, low);
    const std::uint32_t to_high = words_[(Group + 1) % 3];
    const std::uint32_t to_low = words_[(Group + 2) % 3] + Group + 1;
    for (auto& own : high) own += to_high;
    for (auto& own : low) own += to_low;
  }

  template <int By, class Number, int V>
  static inline __attribute__((always_inline)) void turn(Number (&high)[V], Number (&low)[V]) {
    for (int v = 0; v < V; ++v) {
      high[v] += low[v];
      low[v] = low[v] << By | low[v] >> (32 - By);
      low[v] ^= high[v];
    }
  }

  std::uint32_t words_[3];
};

// kept[i] tells whether a uniform number in [0, 1) is at least the rate: then y[i] = scale * x[i],
// else 0; i < V * N.
template <int N, int V>
inline void drop(float* y, std::uint8_t* kept, const float* x, std::uint32_t first, float rate,
                 float scale, const Threefry& random) {
  Bits<N> bits[V];
  for (int v = 0; v < V; ++v) bits[v] = counted_from<N>(first + v * N);
  random.draw<N, V>(bits);
  for (int v = 0; v < V; ++v) {
    const auto uniform = same_bits<Vector<N>>(Bits<N>(bits[v] >> 9 | 0x3f800000u)) - 1.0f;
    const auto keep = uniform >= rate;
    store<N>(y + v * N, keep ? load<N>(x + v * N) * scale : fill<N>(0.0f));
    const auto bytes = narrowed<N>(keep);
    std::memcpy(kept + v * N, &bytes, N);
  }
}

ffi::Error dropout(F32 x_, F32 rate_, U32 key, S32 live, F32Result y_, U8Result kept_) {
  const Shape shape = x_.dimensions();
  if (shape.size() != 2 && shape.size() != 4)
    return refused("dropout must be of units [N, B] or maps [C, H, W, B]", shown(shape));
  for (const Shape result : {y_->dimensions(), kept_->dimensions()})
    if (!same(result, shape))
      return refused("the results must be of the shape " + shown(shape), shown(result));
  if (rate_.element_count() != 1 || key.element_count() != 2)
    return refused("the rate must be one number, and the key two",
                   std::to_string(rate_.element_count()) + " and " +
                       std::to_string(key.element_count()));
  if (!fits(live, {shape[0]})) return refused("live must be one number within 0 .. C", shown(live));
  const bool maps = shape.size() == 4;
  const Index channels = shape[0], pixels = maps ? shape[1] * shape[2] : 1;
  const Index images = shape[shape.size() - 1], alive = live.typed_data()[0];
  if (x_.element_count() > 0xffffffffu)
    return refused("dropout must be of at most 2^32 - 1 numbers", shown(shape));
  const Threefry random(key.typed_data());
  const float rate = rate_.typed_data()[0], scale = 1.0f / (1.0f - rate);
  for (Index p = 0; p < pixels; ++p) {
    const float* x = x_.typed_data() + p * channels * images;
    float* y = y_->typed_data() + p * channels * images;
    std::uint8_t* kept = kept_->typed_data() + p * channels * images;
    for (Index c = 0; c < alive; ++c, x += images, y += images, kept += images) {
      const std::uint32_t first = (c * pixels + p) * images;  // index in the array as XLA counts it
      Index b = 0;
      for (; b + 4 * kLanes <= images; b += 4 * kLanes)
        drop<kLanes, 4>(y + b, kept + b, x + b, first + b, rate, scale, random);
      for (; b + kLanes <= images; b += kLanes)
        drop<kLanes, 1>(y + b, kept + b, x + b, first + b, rate, scale, random);
      for (; b < images; ++b) drop<1, 1>(y + b, kept + b, x + b, first + b, rate, scale, random);
    }
    std::fill(y, y + (channels - alive) * images, 0.0f);
    std::fill(kept, kept + (channels - alive) * images, std::uint8_t{0});
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_dropout, dropout,
                              ffi::Ffi::Bind()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<U32>()
                                  .Arg<S32>()
                                  .Ret<F32>()
                                  .Ret<ffi::Buffer<ffi::U8>>());
