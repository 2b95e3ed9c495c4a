// The sum of two batch norms of maps [C, H, W, B], then relu: the end of a residual block. live: [1].
//
// Two norms, a sum and relu would go over the maps 9 times, and 13 times for the gradients; one
// kernel goes over them 5 and 8 times.

#include <array>

#include "checks.h"
#include "kernels.h"
#include "norm.h"

namespace ffi = xla::ffi;

namespace {

// Calls work(Lanes<N>, image) for all images, whole vectors first.
template <class Work>
void each_vector(Index images, Work work) {
  Index b = 0;
  for (; b + kLanes <= images; b += kLanes) work(Lanes<kLanes>(), b);
  for (; b < images; ++b) work(Lanes<1>(), b);
}

// The sum of two lines at a place of two maps.
template <int N>
Vector<N> sum_of(const Line& of_x, const float* x, const Line& of_z, const float* z) {
  return (load<N>(x) * of_x.gain + of_x.offset) + (load<N>(z) * of_z.gain + of_z.offset);
}

ffi::Error pair_forward(F32 x_, F32 x_scale, F32 x_shift, F32 z_, F32 z_scale, F32 z_shift, S32 live,
                        F32Result y_, F32Result x_mean, F32Result x_var, F32Result z_mean,
                        F32Result z_var, float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_norm(
          shape,
          {x_scale.dimensions(), x_shift.dimensions(), z_scale.dimensions(), z_shift.dimensions(),
           x_mean->dimensions(), x_var->dimensions(), z_mean->dimensions(), z_var->dimensions()},
          {z_.dimensions(), y_->dimensions()}, live);
      error.failure())
    return error;
  Maps maps(shape, live.typed_data()[0]);
  const float *x = x_.typed_data(), *z = z_.typed_data();
  float* y = y_->typed_data();
  statistics(x, maps, x_mean->typed_data(), x_var->typed_data());
  statistics(z, maps, z_mean->typed_data(), z_var->typed_data());
  const auto of_x = lines(maps.channels, x_scale, x_shift, x_mean->typed_data(),
                          x_var->typed_data(), epsilon);
  const auto of_z = lines(maps.channels, z_scale, z_shift, z_mean->typed_data(),
                          z_var->typed_data(), epsilon);
  fill_maps(y, maps, [&](Index c, Index at) {
    const Line own = of_x[c], other = of_z[c];
    each_vector(maps.images, [&]<int N>(Lanes<N>, Index b) {
      const Vector<N> value = sum_of<N>(own, x + at + b, other, z + at + b);
      if constexpr (N == 1) {
        y[at + b] = value < 0 ? 0.0f : value;  // NaN stays NaN
      } else {
        store<N>(y + at + b, value < Vector<N>{} ? Vector<N>{} : value);
      }
    });
  });
  return ffi::Error::Success();
}

ffi::Error pair_backward(F32 x_, F32 x_scale, F32 x_shift, F32 x_mean, F32 x_var, F32 z_,
                         F32 z_scale, F32 z_shift, F32 z_mean, F32 z_var, F32 g_, S32 live,
                         F32Result dx_, F32Result dx_scale, F32Result dx_shift, F32Result dz_,
                         F32Result dz_scale, F32Result dz_shift, float epsilon) {
  const Shape shape = x_.dimensions();
  if (ffi::Error error = check_norm(
          shape,
          {x_scale.dimensions(), x_shift.dimensions(), x_mean.dimensions(), x_var.dimensions(),
           z_scale.dimensions(), z_shift.dimensions(), z_mean.dimensions(), z_var.dimensions(),
           dx_scale->dimensions(), dx_shift->dimensions(), dz_scale->dimensions(),
           dz_shift->dimensions()},
          {z_.dimensions(), g_.dimensions(), dx_->dimensions(), dz_->dimensions()}, live);
      error.failure())
    return error;
  Maps maps(shape, live.typed_data()[0]);
  const float *x = x_.typed_data(), *z = z_.typed_data(), *g = g_.typed_data();
  const float *of_x_mean = x_mean.typed_data(), *of_z_mean = z_mean.typed_data();
  float *dx = dx_->typed_data(), *dz = dz_->typed_data();
  const auto of_x = lines(maps.channels, x_scale, x_shift, of_x_mean, x_var.typed_data(), epsilon);
  const auto of_z = lines(maps.channels, z_scale, z_shift, of_z_mean, z_var.typed_data(), epsilon);
  const auto passed = [&]<int N>(Lanes<N>, Index c, Index at) {
    return let_through<N>(sum_of<N>(of_x[c], x + at, of_z[c], z + at), 0.0f, g + at);
  };
  ChannelSums<3> sums(maps);
  sums.add([&]<int N>(Lanes<N> lanes, Index c, Index at) {
    const Vector<N> own = passed(lanes, c, at);
    return std::array<Vector<N>, 3>{own, own * (load<N>(x + at) - of_x_mean[c]),
                                    own * (load<N>(z + at) - of_z_mean[c])};
  });
  sums.totals(0, dx_shift->typed_data());
  sums.totals(0, dz_shift->typed_data());
  sums.totals(1, dx_scale->typed_data());
  sums.totals(2, dz_scale->typed_data());
  const auto x_turn = turned(maps, of_x, of_x_mean, x_var.typed_data(), epsilon,
                             dx_scale->typed_data(), dx_shift->typed_data());
  const auto z_turn = turned(maps, of_z, of_z_mean, z_var.typed_data(), epsilon,
                             dz_scale->typed_data(), dz_shift->typed_data());
  each_run(maps, [&](Index c, Index at) {
    const float x_gain = of_x[c].gain, x_slope = x_turn[0][c], x_constant = x_turn[1][c];
    const float z_gain = of_z[c].gain, z_slope = z_turn[0][c], z_constant = z_turn[1][c];
    each_vector(maps.images, [&]<int N>(Lanes<N> lanes, Index b) {
      const Vector<N> own = passed(lanes, c, at + b);
      store<N>(dx + at + b, own * x_gain - load<N>(x + at + b) * x_slope + x_constant);
      store<N>(dz + at + b, own * z_gain - load<N>(z + at + b) * z_slope + z_constant);
    });
  });
  for (float* maps_of : {dx, dz}) clear_dead(maps_of, maps);
  return ffi::Error::Success();
}

}  // namespace

#define VECTORS Arg<F32>().Arg<F32>()
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_norm_pair, pair_forward,
                              ffi::Ffi::Bind()
                                  .Arg<F32>().VECTORS
                                  .Arg<F32>().VECTORS
                                  .Arg<S32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Attr<float>("epsilon"));
XLA_FFI_DEFINE_HANDLER_SYMBOL(hptjax_norm_pair_gradient, pair_backward,
                              ffi::Ffi::Bind()
                                  .Arg<F32>().VECTORS.VECTORS
                                  .Arg<F32>().VECTORS.VECTORS
                                  .Arg<F32>()
                                  .Arg<S32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Ret<F32>()
                                  .Attr<float>("epsilon"));
