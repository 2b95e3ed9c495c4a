// Norm of each image of maps [C, H, W, B], over equal groups of its live channels, and its gradient.
//
// groups: the number of groups; 0: each channel is a group. live: [1], a multiple of groups.
// Statistics: [groups, B], or [C, B]. Sums over pixels come first: they are [C, B], which stays in
// the cache.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "checks.h"
#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

// The channels that are normalised together.
struct Groups {
  Maps maps;
  Index size;

  Groups(Shape x, const S32& live, int64_t groups)
      : maps(x, live.typed_data()[0]), size(groups ? maps.live / groups : 1) {}

  Index count() const { return size ? maps.live / size : 0; }
  Index of(Index channel) const { return channel / size; }
  float numbers() const { return size * maps.pixels(); }  // in a group of one image
};

ffi::Error check_groups(Shape x, std::initializer_list<Shape> vectors,
                        std::initializer_list<Shape> others, std::initializer_list<Shape> statistics,
                        const S32& live, int64_t groups) {
  if (ffi::Error error = check_norm(x, vectors, others, live); error.failure()) return error;
  if (groups < 0 || groups > kLargest || (groups && live.typed_data()[0] % groups))
    return refused("live must be a multiple of groups, " + std::to_string(groups), shown(live));
  for (Shape own : statistics)
    if (own.size() != 2 || own[0] != (groups ? groups : x[0]) || own[1] != x[3])
      return refused("the statistics of maps " + shown(x) + " must be [groups, B]", shown(own));
  return ffi::Error::Success();
}

// K sums over pixels for each channel and image, [K, live, B]. Each row of the maps is summed by
// itself: its partial sums stay small, and so do the rounding errors.
template <int K, class Values>
std::vector<float> sums_of(const Maps& maps, Values values) {
  const Index size = maps.live * maps.images;
  std::vector<float> totals(K * size), row(K * size);
  for (Index h = 0; h < maps.height; ++h) {
    std::fill(row.begin(), row.end(), 0.0f);
    for (Index q = 0; q < maps.width; ++q)
      for (Index c = 0; c < maps.live; ++c) {
        const Index at = (h * maps.width + q) * maps.pixel() + c * maps.images;
        float* to = row.data() + c * maps.images;
        values(c, at, [&](Index b, std::array<float, K> next) {
          for (int k = 0; k < K; ++k) to[k * size + b] += next[k];
        });
      }
#pragma omp simd
    for (Index i = 0; i < K * size; ++i) totals[i] += row[i];
  }
  return totals;
}

// to[g, b] = sum over the group of sums[c, b] * factor(c).
template <class Factor>
void add_up(const Groups& groups, const float* sums, float* to, Factor factor) {
  const Index images = groups.maps.images;
  std::fill_n(to, groups.count() * images, 0.0f);
  for (Index c = 0; c < groups.maps.live; ++c) {
    float* own = to + groups.of(c) * images;
    const float *from = sums + c * images, weight = factor(c);
#pragma omp simd
    for (Index b = 0; b < images; ++b) own[b] += from[b] * weight;
  }
}

ffi::Error group_norm(F32 x_, F32 scale_, F32 shift_, S32 live, F32Result y_, F32Result mean_,
                      F32Result inverse_, int64_t count, float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_groups(shape, {scale_.dimensions(), shift_.dimensions()},
                                      {y_->dimensions()},
                                      {mean_->dimensions(), inverse_->dimensions()}, live, count);
      error.failure())
    return error;
  const Groups groups(shape, live, count);
  const Maps& maps = groups.maps;
  const Index images = maps.images;
  const float *x = x_.typed_data(), *scale = scale_.typed_data(), *shift = shift_.typed_data();
  float *y = y_->typed_data(), *mean = mean_->typed_data(), *inverse = inverse_->typed_data();
  for (F32Result own : {mean_, inverse_})
    std::fill_n(own->typed_data(), own->element_count(), 0.0f);
  const float share = 1 / groups.numbers();
  const auto one = [](Index) { return 1.0f; };
  const auto sums = sums_of<1>(maps, [&](Index, Index at, auto add) {
#pragma omp simd
    for (Index b = 0; b < images; ++b) add(b, {x[at + b]});
  });
  add_up(groups, sums.data(), mean, one);
  for (Index i = 0; i < groups.count() * images; ++i) mean[i] *= share;
  // Of the differences: E[x^2] - E[x]^2 cancels when a mean is far from zero.
  const auto squares = sums_of<1>(maps, [&](Index c, Index at, auto add) {
    const float* own = mean + groups.of(c) * images;
#pragma omp simd
    for (Index b = 0; b < images; ++b) {
      const float centred = x[at + b] - own[b];
      add(b, {centred * centred});
    }
  });
  add_up(groups, squares.data(), inverse, one);
  for (Index i = 0; i < groups.count() * images; ++i)
    inverse[i] = 1 / std::sqrt(inverse[i] * share + epsilon);
  fill_maps(y, maps, [&](Index c, Index at) {
    const float *m = mean + groups.of(c) * images, *v = inverse + groups.of(c) * images;
    const float gain = scale[c], offset = shift[c];
#pragma omp simd
    for (Index b = 0; b < images; ++b) y[at + b] = (x[at + b] - m[b]) * v[b] * gain + offset;
  });
  return ffi::Error::Success();
}

ffi::Error group_norm_gradient(F32 x_, F32 scale_, F32 mean_, F32 inverse_, F32 g_, S32 live,
                               F32Result dx_, F32Result d_scale_, F32Result d_shift_, int64_t count) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_groups(
          shape, {scale_.dimensions(), d_scale_->dimensions(), d_shift_->dimensions()},
          {g_.dimensions(), dx_->dimensions()}, {mean_.dimensions(), inverse_.dimensions()}, live,
          count);
      error.failure())
    return error;
  const Groups groups(shape, live, count);
  const Maps& maps = groups.maps;
  const Index images = maps.images;
  const float *x = x_.typed_data(), *g = g_.typed_data(), *scale = scale_.typed_data();
  const float *mean = mean_.typed_data(), *inverse = inverse_.typed_data();
  float *dx = dx_->typed_data(), *d_scale = d_scale_->typed_data(), *d_shift = d_shift_->typed_data();
  // The sums of g and of g (x - mean), for each channel and image.
  const auto sums = sums_of<2>(maps, [&](Index c, Index at, auto add) {
    const float* own = mean + groups.of(c) * images;
#pragma omp simd
    for (Index b = 0; b < images; ++b)
      add(b, {g[at + b], g[at + b] * (x[at + b] - own[b])});
  });
  const float *plain = sums.data(), *centred = plain + maps.live * images;
  std::fill_n(d_scale, maps.channels, 0.0f);
  std::fill_n(d_shift, maps.channels, 0.0f);
  for (Index c = 0; c < maps.live; ++c)
    for (Index b = 0; b < images; ++b) {
      d_shift[c] += plain[c * images + b];
      d_scale[c] += centred[c * images + b] * inverse[groups.of(c) * images + b];
    }
  std::vector<float> offset(groups.count() * images), slope(groups.count() * images);
  const auto factor = [&](Index c) { return scale[c]; };
  add_up(groups, plain, offset.data(), factor);
  add_up(groups, centred, slope.data(), factor);
  const float share = 1 / groups.numbers();
  for (Index i = 0; i < groups.count() * images; ++i) {
    offset[i] *= inverse[i] * share;
    slope[i] *= inverse[i] * inverse[i] * inverse[i] * share;
  }
  fill_maps(dx, maps, [&](Index c, Index at) {
    const Index own = groups.of(c) * images;
    const float *m = mean + own, *v = inverse + own, *o = offset.data() + own,
                *s = slope.data() + own, gain = scale[c];
#pragma omp simd
    for (Index b = 0; b < images; ++b)
      dx[at + b] = g[at + b] * gain * v[b] - o[b] - (x[at + b] - m[b]) * s[b];
  });
  return ffi::Error::Success();
}

}  // namespace

#define THREE_RESULTS_OF_GROUPS \
  Arg<S32>().Ret<F32>().Ret<F32>().Ret<F32>().Attr<int64_t>("groups")
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_group_norm, group_norm,
    ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<F32>().THREE_RESULTS_OF_GROUPS.Attr<float>(
        "epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_group_norm_gradient, group_norm_gradient,
                              ffi::Ffi::Bind()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<F32>()
                                  .THREE_RESULTS_OF_GROUPS);
