#include "cli/inside/image.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "fs/fd.h"

#ifdef NESTP_INSIDE
#include "cli/inside/inside_stamp.h"

// As the gate's images are taken in: by the assembler, as they are.
__asm__(
    ".section .rodata.inside, \"a\", %progbits\n"
    ".globl nestp_inside_begin, nestp_inside_end\n"
    ".balign 16\n"
    "nestp_inside_begin: .incbin \"" NESTP_INSIDE
    "\"\n"
    "nestp_inside_end:\n"
    ".previous\n");

extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): names of the assembler
extern const std::byte nestp_inside_begin[], nestp_inside_end[];
}
#endif

namespace nestp::inside {

std::span<const std::byte> image() {
#ifdef NESTP_INSIDE
  return {nestp_inside_begin, nestp_inside_end};
#else
  return {};
#endif
}

Result<> write_image_to(const std::string& path) {
  std::span<const std::byte> rest = image();
  if (rest.empty()) {
    return Error{"this nestp was built without a static C library, so without what runs inside"};
  }
  const auto file = open_at(AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY, 0755);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  while (!rest.empty()) {
    const ssize_t written = ::write(file->get(), rest.data(), rest.size());
    if (written <= 0) return Error{path + ": " + std::strerror(errno)};
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  return Done{};
}

}  // namespace nestp::inside
