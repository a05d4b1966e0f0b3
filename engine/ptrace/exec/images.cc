#include "engine/ptrace/exec/images.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gate/image.h"

namespace nestp {
namespace {

constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, Linux 6.3

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(file, bytes.data(), bytes.size());
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

/// A descriptor for reading: an image open for writing could not be executed.
UniqueFd reopen(int file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

UniqueFd in_memory(std::span<const std::byte> image) {
  int file = memfd_create("nestp", MFD_CLOEXEC | kExecutable);
  if (file < 0) file = memfd_create("nestp", MFD_CLOEXEC);
  if (file < 0) return {};
  UniqueFd writable(file);
  if (!write_all(file, image) || fchmod(file, 0755) != 0) return {};
  return reopen(file);
}

UniqueFd on_disk(const std::string& directory, std::span<const std::byte> image) {
  std::string path = directory + "/nestp-XXXXXX";
  UniqueFd writable(mkostemp(path.data(), O_CLOEXEC));
  if (!writable) return {};
  UniqueFd readable;
  if (write_all(writable.get(), image) && fchmod(writable.get(), 0755) == 0) {
    readable = reopen(writable.get());
  }
  unlink(path.c_str());
  return readable;
}

Result<UniqueFd> make_image(const std::string& directory, std::span<const std::byte> image) {
  if (!may_write_files_of(image.size())) {
    return Error{"no room for the loader: it has " + std::to_string(image.size()) +
                 " bytes, more than files may have here; raise that limit (ulimit -f)"};
  }
  UniqueFd file = in_memory(image);
  if (file) return file;
  if (errno == EMFILE) {
    return Error{"no room for the loader: too many open files; raise that limit (ulimit -n)"};
  }
  file = on_disk(directory, image);
  if (file) return file;
  return Error{"no room for the loader: this kernel has no memfd_create and " + directory +
               " cannot be written: " + std::strerror(errno) + "; set PROOT_TMP_DIR"};
}

}  // namespace

Result<LoaderImages> LoaderImages::make(const std::string& directory) {
  std::string place = directory;
  if (place.empty()) {
    const char* temporary = std::getenv("TMPDIR");
    place = temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
  }
  LoaderImages images(std::move(place));
  auto wide = make_image(images.place_, gate::image_64());
  if (!wide) return wide.error();
  images.wide_ = std::move(*wide);
  return images;
}

Result<int> LoaderImages::descriptor(const Abi& abi) const {
  if (abi.word_size == 8) return wide_.get();
  if (!narrow_) {
    auto narrow = make_image(place_, gate::image_32());
    if (!narrow) return narrow.error();
    narrow_ = std::move(*narrow);
  }
  return narrow_.get();
}

}  // namespace nestp
