// Batch norm of maps [C, H, W, B], then relu if asked for, and the gradient of both.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"

namespace ffi = xla::ffi;

namespace {

constexpr float kEpsilon = 1e-5f;  // as in hptjax.ops.norm

// Calls visit(channel, first number) for every run of images, pixel by pixel.
template <class Visit>
void each(const Maps& maps, Visit visit) {
  Index at = 0;
  for (Index p = 0; p < maps.pixels(); ++p)
    for (Index c = 0; c < maps.channels; ++c, at += maps.images) visit(c, at);
}

// y = x * gain + offset, gain = scale / sqrt(var + epsilon).
struct Line {
  float gain, offset;

  Line(float scale, float shift, float mean, float var)
      : gain(scale / std::sqrt(var + kEpsilon)), offset(shift - mean * gain) {}
  float operator()(float x) const { return x * gain + offset; }
};

std::vector<Line> lines(Index channels, F32 scale, F32 shift, const float* mean, const float* var) {
  std::vector<Line> all;
  all.reserve(channels);
  for (Index c = 0; c < channels; ++c)
    all.emplace_back(scale.typed_data()[c], shift.typed_data()[c], mean[c], var[c]);
  return all;
}

ffi::Error forward(F32 x_, F32 scale, F32 shift, F32Result y_, F32Result mean_, F32Result var_,
                   bool relu) {
  Maps maps(x_.dimensions());
  const float* x = x_.typed_data();
  float *y = y_->typed_data(), *mean = mean_->typed_data(), *var = var_->typed_data();
  const float count = maps.pixels() * maps.images;
  std::fill_n(mean, maps.channels, 0.0f);
  std::fill_n(var, maps.channels, 0.0f);
  each(maps, [&](Index c, Index at) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index b = 0; b < maps.images; ++b) sum += x[at + b];
    mean[c] += sum;
  });
  for (Index c = 0; c < maps.channels; ++c) mean[c] /= count;
  // Two passes: E[x^2] - E[x]^2 cancels when a channel's mean is far from zero.
  each(maps, [&](Index c, Index at) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index b = 0; b < maps.images; ++b) sum += (x[at + b] - mean[c]) * (x[at + b] - mean[c]);
    var[c] += sum;
  });
  for (Index c = 0; c < maps.channels; ++c) var[c] /= count;
  const auto line = lines(maps.channels, scale, shift, mean, var);
  const float least = relu ? 0.0f : -INFINITY;
  each(maps, [&](Index c, Index at) {
    const Line own = line[c];
#pragma omp simd
    for (Index b = 0; b < maps.images; ++b) {
      const float value = own(x[at + b]);
      y[at + b] = value < least ? least : value;  // NaN stays NaN
    }
  });
  return ffi::Error::Success();
}

ffi::Error backward(F32 x_, F32 scale, F32 shift, F32 mean_, F32 var_, F32 g_, F32Result dx_,
                    F32Result d_scale_, F32Result d_shift_, bool relu) {
  Maps maps(x_.dimensions());
  const float *x = x_.typed_data(), *g = g_.typed_data(), *mean = mean_.typed_data();
  float *dx = dx_->typed_data(), *d_scale = d_scale_->typed_data(), *d_shift = d_shift_->typed_data();
  const float count = maps.pixels() * maps.images;
  const auto line = lines(maps.channels, scale, shift, mean, var_.typed_data());
  const float least = relu ? 0.0f : -INFINITY;
  // relu lets nothing through where its input is zero or less
  const auto passes = [&](const Line& own, Index at) { return own(x[at]) > least ? g[at] : 0.0f; };
  std::fill_n(d_scale, maps.channels, 0.0f);
  std::fill_n(d_shift, maps.channels, 0.0f);
  each(maps, [&](Index c, Index at) {
    const Line own = line[c];
    float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (Index b = 0; b < maps.images; ++b) {
      const float passed = passes(own, at + b);
      sum += passed;
      product += passed * (x[at + b] - mean[c]);
    }
    d_shift[c] += sum;
    d_scale[c] += product;
  });
  std::vector<float> slope(maps.channels), constant(maps.channels);
  for (Index c = 0; c < maps.channels; ++c) {
    const float inverse = 1 / std::sqrt(var_.typed_data()[c] + kEpsilon);
    d_scale[c] *= inverse;
    slope[c] = line[c].gain * inverse * d_scale[c] / count;
    constant[c] = slope[c] * mean[c] - line[c].gain * d_shift[c] / count;
  }
  each(maps, [&](Index c, Index at) {
    const Line own = line[c];
#pragma omp simd
    for (Index b = 0; b < maps.images; ++b)
      dx[at + b] = passes(own, at + b) * own.gain - x[at + b] * slope[c] + constant[c];
  });
  return ffi::Error::Success();
}

}  // namespace

#define MAPS_AND_LINE ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<F32>()
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_norm, forward,
    MAPS_AND_LINE.Ret<F32>().Ret<F32>().Ret<F32>().Attr<bool>("relu"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    hptjax_norm_gradient, backward,
    MAPS_AND_LINE.Arg<F32>().Arg<F32>().Arg<F32>().Ret<F32>().Ret<F32>().Ret<F32>().Attr<bool>("relu"));
