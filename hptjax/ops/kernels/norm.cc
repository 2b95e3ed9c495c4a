// Batch norm of maps [C, H, W, B], then relu if asked for, and the gradient of both. live: [1].

#include <cmath>
#include <vector>

#include "checks.h"
#include "kernels.h"
#include "norm.h"

namespace ffi = xla::ffi;

namespace {

// The part of a gradient g that relu lets through, at a place of maps.
template <int N>
Vector<N> passed(const Line& own, float least, const float* x, const float* g) {
  return let_through<N>(load<N>(x) * own.gain + own.offset, least, g);
}

// Computes y = x by the line of its channel, then applies relu if asked for.
void apply(const float* x, float* y, const Maps& maps, const std::vector<Line>& line, bool relu) {
  const float least = relu ? 0.0f : -INFINITY;
  fill_maps(y, maps, [&](Index c, Index at) {
    const Line own = line[c];
#pragma omp simd
    for (Index b = 0; b < maps.images; ++b) {
      const float value = own(x[at + b]);
      y[at + b] = value < least ? least : value;  // NaN stays NaN
    }
  });
}

ffi::Error norm_forward(F32 x_, F32 scale, F32 shift, S32 live, F32Result y_, F32Result mean_,
                   F32Result var_, bool relu, float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_norm(
          shape, {scale.dimensions(), shift.dimensions(), mean_->dimensions(), var_->dimensions()},
          {y_->dimensions()}, live);
      error.failure())
    return error;
  Maps maps(shape, live.typed_data()[0]);
  const float* x = x_.typed_data();
  float *y = y_->typed_data(), *mean = mean_->typed_data(), *var = var_->typed_data();
  statistics(x, maps, mean, var);
  apply(x, y, maps, lines(maps.channels, scale, shift, mean, var, epsilon), relu);
  return ffi::Error::Success();
}

ffi::Error norm_backward(F32 x_, F32 scale, F32 shift, F32 mean_, F32 var_, F32 g_, S32 live,
                    F32Result dx_, F32Result d_scale_, F32Result d_shift_, bool relu,
                    float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_norm(
          shape,
          {scale.dimensions(), shift.dimensions(), mean_.dimensions(), var_.dimensions(),
           d_scale_->dimensions(), d_shift_->dimensions()},
          {g_.dimensions(), dx_->dimensions()}, live);
      error.failure())
    return error;
  Maps maps(shape, live.typed_data()[0]);
  const float *x = x_.typed_data(), *g = g_.typed_data(), *mean = mean_.typed_data();
  float *dx = dx_->typed_data(), *d_scale = d_scale_->typed_data(), *d_shift = d_shift_->typed_data();
  const auto line = lines(maps.channels, scale, shift, mean, var_.typed_data(), epsilon);
  const float least = relu ? 0.0f : -INFINITY;
  ChannelSums<2> sums(maps);
  sums.add([&]<int N>(Lanes<N>, Index c, Index at) {
    const Vector<N> own = passed<N>(line[c], least, x + at, g + at);
    return std::array<Vector<N>, 2>{own, own * (load<N>(x + at) - mean[c])};
  });
  sums.totals(0, d_shift);
  sums.totals(1, d_scale);
  const auto [slope, constant] =
      turned(maps, line, mean, var_.typed_data(), epsilon, d_scale, d_shift);
  fill_maps(dx, maps, [&](Index c, Index at) {
    const Line own = line[c];
#pragma omp simd
    for (Index b = 0; b < maps.images; ++b)
      dx[at + b] = passed<1>(own, least, x + at + b, g + at + b) * own.gain - x[at + b] * slope[c] +
                   constant[c];
  });
  return ffi::Error::Success();
}

// Normalises by given statistics, as evaluation does.
ffi::Error by_statistics(F32 x_, F32 scale, F32 shift, F32 mean, F32 var, S32 live, F32Result y_,
                         bool relu, float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_norm(
          shape, {scale.dimensions(), shift.dimensions(), mean.dimensions(), var.dimensions()},
          {y_->dimensions()}, live);
      error.failure())
    return error;
  Maps maps(shape, live.typed_data()[0]);
  apply(x_.typed_data(), y_->typed_data(), maps,
        lines(maps.channels, scale, shift, mean.typed_data(), var.typed_data(), epsilon), relu);
  return ffi::Error::Success();
}

// The running statistics after a batch: new = old + rate * (batch - old). The batch's mean is
// mean + bias, its variance var * correction.
ffi::Error running(F32 old_mean, F32 old_var, F32 mean, F32 var, F32 bias, F32Result new_mean,
                   F32Result new_var, float rate, float correction) {
  const Shape shape = new_mean->dimensions();
  for (Shape other : {old_mean.dimensions(), old_var.dimensions(), mean.dimensions(),
                      var.dimensions(), bias.dimensions(), new_var->dimensions()})
    if (shape.size() != 1 || !same(other, shape))
      return refused("running statistics must be vectors of one length " + shown(shape),
                     shown(other));
  for (Index c = 0; c < shape[0]; ++c) {
    const float of_mean = old_mean.typed_data()[c], of_var = old_var.typed_data()[c];
    const float found = mean.typed_data()[c] + bias.typed_data()[c];
    new_mean->typed_data()[c] = of_mean + rate * (found - of_mean);
    new_var->typed_data()[c] = of_var + rate * (var.typed_data()[c] * correction - of_var);
  }
  return ffi::Error::Success();
}

}  // namespace

#define MAPS_AND_LINE ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Arg<F32>()
#define THREE_RESULTS                                                            \
  Arg<S32>().Ret<F32>().Ret<F32>().Ret<F32>().Attr<bool>("relu").Attr<float>("epsilon")
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_norm, norm_forward, MAPS_AND_LINE.THREE_RESULTS);
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_norm_gradient, norm_backward,
                              MAPS_AND_LINE.Arg<F32>().Arg<F32>().Arg<F32>().THREE_RESULTS);
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_norm_by_statistics, by_statistics,
                              MAPS_AND_LINE.Arg<F32>()
                                  .Arg<F32>()
                                  .Arg<S32>()
                                  .Ret<F32>()
                                  .Attr<bool>("relu")
                                  .Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_running_statistics, running,
                              MAPS_AND_LINE.Arg<F32>()
                                  .Arg<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Attr<float>("rate")
                                  .Attr<float>("correction"));
