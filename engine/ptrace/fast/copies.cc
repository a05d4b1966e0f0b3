#include "engine/ptrace/fast/copies.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

#include "engine/check.h"
#include "engine/log.h"
#include "fs/hash.h"
#include "fs/mount_flags.h"
#include "fs/proc_escape.h"

namespace nestp {
namespace {

constexpr off_t kLargest = 16 << 20;             // bytes of a file that is copied
constexpr std::size_t kMostLists = 256;          // files in the cache folder
constexpr std::uint64_t kLargestList = 1 << 20;  // bytes
constexpr std::uint64_t kLargestCopy = 8 << 20;  // bytes of a file whose copy is kept
constexpr std::size_t kMostCopies = 48;
constexpr std::uint64_t kMostCopyBytes = 96 << 20;
constexpr std::size_t kMostSites = 1 << 16;
constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, Linux 6.3
constexpr char kCopyFormat[8] = {'n', 'c', 'o', 'p', 'y', '0', '0', '2'};
constexpr char kFormat[8] = {'n', 's', 'i', 't', 'e', 's', '0', '5'};

/// A file as bytes, for as long as it lives.
class MappedFile {
 public:
  MappedFile(int file, std::size_t size) : size_(size) {
    memory_ = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  }
  ~MappedFile() {
    if (memory_ != MAP_FAILED) munmap(memory_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const {
    if (memory_ == MAP_FAILED) return {};
    return {static_cast<const std::byte*>(memory_), size_};
  }

 private:
  std::size_t size_;
  void* memory_;
};

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename Object>
std::string_view text_of_object(const Object& object) {
  return text_of(std::as_bytes(std::span(&object, 1)));
}

std::string hexadecimal(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

/// A copy that ends with this session.
UniqueFd in_memory(const std::string& host, std::span<const std::byte> copy, mode_t mode) {
  // The name is what /proc/PID/maps shows: copied_file() makes it the file's again.
  constexpr std::size_t kLongestName = 249;
  const std::string name = ("nestp:" + host).substr(0, kLongestName);
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int descriptor = memfd_create(name.c_str(), kFlags | kExecutable);
  if (descriptor < 0) descriptor = memfd_create(name.c_str(), kFlags);
  const UniqueFd file(descriptor);
  if (!file || !write_whole(file.get(), copy, 0)) return {};
  (void)fchmod(file.get(), mode & 07777);
  // Nobody can write to it any more, through whatever descriptor or link.
  (void)fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  return UniqueFd(open(link.c_str(), O_RDONLY | O_CLOEXEC));
}

/// Behind the bytes of a kept copy.
struct Trailer {
  char format[8];
  std::uint64_t size;  ///< of the copy, bytes
  StubSegment stubs;
  std::uint64_t sum;  ///< sum_of()
};

std::uint64_t sum_of(std::span<const std::byte> copy, const StubSegment& stubs) {
  return hash_bytes(text_of(copy), hash_bytes(text_of_object(stubs)));
}

/// This nestp and no other knows what its patches jump to.
std::uint64_t own_identity() {
  static const std::uint64_t identity = [] {
    struct stat own {};
    if (stat("/proc/self/exe", &own) != 0) return std::uint64_t{0};
    const std::int64_t facts[] = {static_cast<std::int64_t>(own.st_dev),
                                  static_cast<std::int64_t>(own.st_ino), own.st_size,
                                  own.st_mtim.tv_sec, own.st_mtim.tv_nsec};
    return hash_bytes(text_of_object(facts));
  }();
  return identity;
}

}  // namespace

timespec PatchedCopies::time_of(const Identity& identity) {
  return {.tv_sec = identity.seconds, .tv_nsec = identity.nanoseconds};
}

bool PatchedCopies::is_untouched(const struct stat& copy, const Identity& identity) {
  // A write would have set the time of the last change, which is the original's in a whole copy.
  return copy.st_mtim.tv_sec == identity.seconds && copy.st_mtim.tv_nsec == identity.nanoseconds;
}

bool PatchedCopies::Identity::operator<(const Identity& other) const {
  return std::tie(device, inode, size, seconds, nanoseconds) <
         std::tie(other.device, other.inode, other.size, other.seconds, other.nanoseconds);
}

PatchedCopies::PatchedCopies(const Abi& abi, const FastCalls& calls, const std::string& cache)
    : abi_(abi),
      calls_(calls),
      lists_(cache.empty() ? cache : cache + "/sites", kMostLists, kMostLists * kLargestList),
      kept_(cache.empty() ? cache : cache + "/copies", kMostCopies, kMostCopyBytes) {}

PatchedCopies::Identity PatchedCopies::identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

std::optional<PatchedCopies::Opened> PatchedCopies::copy_of(const std::string& host,
                                                            Mapper mapper) {
  struct stat status {};
  if (stat(host.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_size == 0 || status.st_size > kLargest) return std::nullopt;
  const Identity identity = identity_of(status);
  const auto key = std::pair(identity, mapper);
  auto found = copies_.find(key);
  if (found == copies_.end()) {
    found = copies_.emplace(key, find_or_make(host, identity, mapper, status.st_mode)).first;
  }
  const Copy& copy = found->second;
  if (!copy.file) return std::nullopt;
  return Opened{.path = shared_link(copy.file.get()), .stubs = copy.stubs};
}

PatchedCopies::Copy PatchedCopies::find_or_make(const std::string& host, const Identity& identity,
                                                Mapper mapper, mode_t mode) const {
  const std::string name = copy_name(host, identity, mapper);
  if (!name.empty()) {
    if (Copy kept = read_copy(name, identity); kept.file) return kept;
  }
  const UniqueFd file(open(host.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const MappedFile original(file.get(), identity.size);
  const auto sites = sites_of(original.bytes(), identity);
  if (sites.empty()) return {};  // most libraries: not a page of them was read for it
  const Patches patches = make_patches(original.bytes(), sites, mapper);
  if (patches.calls == 0) return {};
  std::vector<std::byte> copy(original.bytes().begin(), original.bytes().end());
  if (patches.stubs.size != 0) copy.resize(patches.stubs.offset + patches.stubs.size);
  for (const Patch& patch : patches.list) {
    CHECK(patch.offset <= copy.size() && patch.bytes.size() <= copy.size() - patch.offset)
        << "a patch at " << patch.offset << " of a copy of " << copy.size() << " bytes";
    std::copy(patch.bytes.begin(), patch.bytes.end(),
              copy.begin() + static_cast<std::ptrdiff_t>(patch.offset));
  }
  LOG(debug) << quoted(host) << " has a copy with " << patches.calls << " of " << sites.size()
             << " calls patched";
  if (!name.empty() && write_copy(name, identity, copy, patches.stubs, mode)) {
    if (Copy kept = read_copy(name, identity); kept.file) return kept;
  }
  return {.file = in_memory(host, copy, mode), .stubs = patches.stubs};
}

std::string PatchedCopies::copy_name(const std::string& host, const Identity& identity,
                                     Mapper mapper) const {
  constexpr std::size_t kLongestName = 255;
  if (!kept_.keeps() || identity.size > kLargestCopy) return {};
  const std::uint64_t key = hash_bytes(
      text_of_object(calls_),
      hash_bytes(text_of_object(identity), hash_bytes(text_of_object(mapper), own_identity())));
  // What is mapped is shown by its name: copied_file() makes it the file's again.
  std::string name = hexadecimal(key) + ":" + escape_name(host, "/\\");
  return name.size() <= kLongestName ? name : std::string();
}

PatchedCopies::Copy PatchedCopies::read_copy(const std::string& name,
                                             const Identity& identity) const {
  UniqueFd file(open(kept_.path_of(name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) return {};
  const bool is_ours = S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!is_ours || static_cast<std::size_t>(status.st_size) < sizeof(Trailer)) return {};
  if (const auto forbidden = on_noexec_mount(file.get()); !forbidden || *forbidden) return {};
  Trailer trailer{};
  const off_t at = status.st_size - static_cast<off_t>(sizeof trailer);
  if (pread(file.get(), &trailer, sizeof trailer, at) != sizeof trailer) return {};
  if (std::memcmp(trailer.format, kCopyFormat, sizeof kCopyFormat) != 0) return {};
  if (trailer.size != static_cast<std::uint64_t>(at)) return {};
  if (!is_untouched(status, identity)) {
    const MappedFile whole(file.get(), trailer.size);
    if (whole.bytes().empty() || trailer.sum != sum_of(whole.bytes(), trailer.stubs)) return {};
    (void)set_modified(file.get(), time_of(identity));
  }
  return {.file = std::move(file), .stubs = trailer.stubs};
}

bool PatchedCopies::write_copy(const std::string& name, const Identity& identity,
                               std::span<const std::byte> copy, const StubSegment& stubs,
                               mode_t mode) const {
  if (!kept_.allows_execution()) return false;
  Trailer trailer{};
  std::memcpy(trailer.format, kCopyFormat, sizeof kCopyFormat);
  trailer.size = copy.size();
  trailer.stubs = stubs;
  trailer.sum = sum_of(copy, stubs);
  const std::span<const std::byte> parts[] = {copy, std::as_bytes(std::span(&trailer, 1))};
  const timespec modified = time_of(identity);
  return kept_.put(name, parts, (mode & 0555) | S_IRUSR, &modified);
}

std::vector<PatchSite> PatchedCopies::sites_of(std::span<const std::byte> bytes,
                                               const Identity& identity) const {
  if (auto known = read_list(identity)) return std::move(*known);
  auto sites = find_sites(abi_, bytes, calls_);
  write_list(identity, sites);
  return sites;
}

std::string PatchedCopies::list_name(const Identity& identity) const {
  // Other calls to answer, other sites.
  return hexadecimal(hash_bytes(text_of_object(identity)) ^ hash_bytes(text_of_object(calls_)));
}

std::optional<std::vector<PatchSite>> PatchedCopies::read_list(const Identity& identity) const {
  if (!lists_.keeps()) return std::nullopt;
  const std::string path = lists_.path_of(list_name(identity));
  const auto status = lstat_of(path);
  if (!status || status->st_uid != geteuid()) return std::nullopt;
  const auto text = read_file(path);
  constexpr std::size_t kHead = sizeof kFormat + sizeof(Identity) + sizeof(std::uint64_t);
  if (!text || text->size() < kHead || (text->size() - kHead) % sizeof(PatchSite) != 0) {
    return std::nullopt;
  }
  const std::string_view body = std::string_view(*text).substr(sizeof(std::uint64_t));
  std::uint64_t sum = 0;
  std::memcpy(&sum, text->data(), sizeof sum);
  if (sum != hash_bytes(body) || std::memcmp(body.data(), kFormat, sizeof kFormat) != 0 ||
      std::memcmp(body.data() + sizeof kFormat, &identity, sizeof identity) != 0) {
    return std::nullopt;
  }
  std::vector<PatchSite> sites((text->size() - kHead) / sizeof(PatchSite));
  if (!sites.empty()) {
    std::memcpy(sites.data(), text->data() + kHead, sites.size() * sizeof(PatchSite));
  }
  return sites;
}

void PatchedCopies::write_list(const Identity& identity, std::span<const PatchSite> sites) const {
  if (sites.size() > kMostSites) return;
  std::string body(kFormat, sizeof kFormat);
  body.append(reinterpret_cast<const char*>(&identity), sizeof identity);
  body.append(reinterpret_cast<const char*>(sites.data()), sites.size_bytes());
  const std::uint64_t sum = hash_bytes(body);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(&sum, 1)),
                                              std::as_bytes(std::span(body.data(), body.size()))};
  (void)lists_.put(list_name(identity), parts, 0600);
}

}  // namespace nestp
