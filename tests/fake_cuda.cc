// The CUDA driver's functions that experiments/benchmarks/cuda uses, on this machine's memory: the
// kernels' work is done by emulated warps, or by plain loops. Signatures are those of cuda.h.
#include <stdlib.h>

#include <chrono>
#include <string>

#include "conv.cu"

using Pointer = unsigned long long;
using Clock = std::chrono::steady_clock;
enum { OK = 0, INVALID = 1 };
static const char* NAMES[] = {"copy_words", "products", "barriers", "conv_members"};
static long allocated = 0;
static int broken = 0;  // what is done wrongly, for tests of the checks: the kernel's place, from 1

static int run(void* kernel, unsigned gx, unsigned gy, unsigned threads, void** args) {
  const std::string name = NAMES[(size_t)kernel - 1];
  const bool wrong = broken == (int)(size_t)kernel;
  auto pointer = [&](int k) { return (char*)*(Pointer*)args[k]; };
  auto number = [&](int k) { return *(int*)args[k]; };
  if (name == "copy_words") memcpy(pointer(1), pointer(0), 16 * *(size_t*)args[2] - wrong);
  if (name == "products")
    for (unsigned k = 0; k < gx * threads; k++)
      ((float*)pointer(0))[k] = 16 * 8 * number(1) + wrong;
  if (name == "barriers") *(word*)pointer(2) += wrong;
  if (name == "conv_members")
    for (unsigned m = 0; m < gy; m++) {
      const Shape s = ((Shape*)pointer(0))[m];
      const size_t in = s.height * s.width * s.eighths * 128;
      const size_t out = s.out_height * s.out_width * ((s.tiles + 1) / 2) * PAIR;
      const half *x = ((half**)pointer(1))[m], *w = ((half**)pointer(2))[m];
      half* y = ((half**)pointer(3))[m];
      for (unsigned b = 0; b < gx; b++) conv_emulated(&s, x + b * in, w, y + b * out);
      if (wrong) y[0] += 1;
    }
  return OK;
}

extern "C" {
int cuInit(unsigned flags) { return flags; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal; }
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = &broken, device; }
int cuCtxSetCurrent(void* context) { return context == &broken ? OK : INVALID; }
int cuGetErrorName(int code, const char** text) { return *text = "CUDA_ERROR_FAKE", !code; }
int cuDeviceGetAttribute(int* value, int which, int device) {
  *value = which == 16 ? 4 : which == 75 ? 9 : which == 76 ? 0 : which == 97 ? 232448 : 1;
  return device;
}
int cuDeviceGetName(char* name, int size, int device) {
  strncpy(name, "a fake", size);
  return device;
}
int cuDriverGetVersion(int* version) { return *version = 13020, OK; }
int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return *total = (size_t)80 << 30, *free = *total - allocated, OK;
}
int cuModuleLoadData(void** module, const void* image) {
  *module = (void*)image;
  return memcmp(image, "\177ELF", 4) ? INVALID : OK;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
  for (size_t k = 0; k < 4; k++)
    if (name == std::string(NAMES[k])) return *function = (void*)(k + 1), OK;
  return INVALID;
}
int cuFuncSetAttribute(void*, int which, int value) { return which == 8 && value > 0 ? OK : INVALID; }
int cuMemAlloc_v2(Pointer* pointer, size_t size) {
  char* block = (char*)malloc(size + 16);
  *(size_t*)block = size;
  allocated += size;
  return *pointer = (Pointer)(block + 16), OK;
}
int cuMemFree_v2(Pointer pointer) {
  allocated -= *(size_t*)(pointer - 16);
  return free((char*)pointer - 16), OK;
}
int cuMemsetD8_v2(Pointer to, unsigned char value, size_t size) {
  return memset((void*)to, value, size), OK;
}
int cuMemcpyHtoD_v2(Pointer to, const void* from, size_t size) {
  return memcpy((void*)to, from, size), OK;
}
int cuMemcpyDtoH_v2(void* to, Pointer from, size_t size) {
  return memcpy(to, (void*)from, size), OK;
}
int cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t size) {
  return memcpy((void*)to, (void*)from, size), OK;
}
int cuLaunchKernel(void* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void* stream, void** args, void** extra) {
  if (gz != 1 || by != 1 || bz != 1 || stream || extra || shared > 232448) return INVALID;
  return run(kernel, gx, gy, bx, args);
}
int cuLaunchCooperativeKernel(void* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                              unsigned by, unsigned bz, unsigned shared, void* stream,
                              void** args) {
  if (gx * gy > 4) return INVALID;
  return cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared, stream, args, nullptr);
}
int cuProfilerStart() { return OK; }
int cuProfilerStop() { return OK; }
int cuEventCreate(void** event, unsigned flags) { return *event = new Clock::time_point, flags; }
int cuEventRecord(void* event, void* stream) {
  *(Clock::time_point*)event = Clock::now();
  return stream ? INVALID : OK;
}
int cuEventSynchronize(void* event) { return event ? OK : INVALID; }
int cuEventElapsedTime(float* ms, void* begin, void* end) {
  auto passed = *(Clock::time_point*)end - *(Clock::time_point*)begin;
  return *ms = std::chrono::duration<float, std::milli>(passed).count(), OK;
}
int cuEventDestroy_v2(void* event) { return delete (Clock::time_point*)event, OK; }
void break_kernel(int place) { broken = place; }
long bytes_allocated() { return allocated; }
}
