#include "engine/ptrace/fast/copies.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

#include "engine/log.h"

namespace nestp {
namespace {

constexpr off_t kLargest = 16 << 20;     // bytes of a file that is copied
constexpr std::size_t kMostLists = 256;  // files in the cache folder
constexpr std::size_t kMostSites = 1 << 16;
constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, Linux 6.3
constexpr char kFormat[8] = {'n', 's', 'i', 't', 'e', 's', '0', '4'};

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

/// The list's own check: changes with each bit.
std::uint64_t sum_of(std::string_view bytes) {
  return gate::hash_of_key(gate::EntryKind::library, 0, 0, bytes.data(),
                           static_cast<std::uint32_t>(bytes.size()));
}

bool write_whole(int file, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

UniqueFd memory_file(const std::string& host) {
  // The name is what /proc/PID/maps shows: guest_maps() makes it the file's again.
  constexpr std::size_t kLongestName = 249;
  const std::string name = ("nestp:" + host).substr(0, kLongestName);
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int file = memfd_create(name.c_str(), kFlags | kExecutable);
  if (file < 0) file = memfd_create(name.c_str(), kFlags);
  return UniqueFd(file);
}

void make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    (void)mkdir(path.substr(0, slash).c_str(), 0700);
    if (slash == path.npos) return;
  }
}

}  // namespace

bool PatchedCopies::Identity::operator<(const Identity& other) const {
  return std::tie(device, inode, size, seconds, nanoseconds) <
         std::tie(other.device, other.inode, other.size, other.seconds, other.nanoseconds);
}

PatchedCopies::PatchedCopies(const Abi& abi, const FastCalls& calls, std::string cache)
    : abi_(abi), calls_(calls), cache_(std::move(cache)) {}

std::string PatchedCopies::default_cache() {
  const char* base = std::getenv("XDG_CACHE_HOME");
  if (base != nullptr && *base == '/') return std::string(base) + "/nestp/sites";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return {};
  return std::string(home) + "/.cache/nestp/sites";
}

PatchedCopies::Identity PatchedCopies::identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

std::optional<std::string> PatchedCopies::path_of(const std::string& host) {
  struct stat status {};
  if (stat(host.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (status.st_size == 0 || status.st_size > kLargest) return std::nullopt;
  const Identity identity = identity_of(status);
  auto found = copies_.find(identity);
  if (found == copies_.end()) {
    UniqueFd file(open(host.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    found = copies_.emplace(identity, make(host, file.get(), identity)).first;
  }
  if (!found->second) return std::nullopt;
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(found->second.get());
}

UniqueFd PatchedCopies::make(const std::string& host, int file, const Identity& identity) const {
  const MappedFile original(file, identity.size);
  const auto sites = sites_of(original.bytes(), identity);
  if (sites.empty()) return {};  // most libraries: not a page of them was read for it
  const auto patches = make_patches(original.bytes(), sites);
  if (patches.empty()) return {};
  UniqueFd copy = memory_file(host);
  if (!copy || !write_whole(copy.get(), original.bytes(), 0)) return {};
  for (const Patch& patch : patches) {
    if (!write_whole(copy.get(), patch.bytes, patch.offset)) return {};
  }
  struct stat status {};
  if (fstat(file, &status) == 0) (void)fchmod(copy.get(), status.st_mode & 07777);
  LOG(debug) << quoted(host) << " has a copy with " << patches.size() / 2 << " of " << sites.size()
             << " calls patched";
  // Nobody can write to it any more, through whatever descriptor or link.
  (void)fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  const std::string link = "/proc/self/fd/" + std::to_string(copy.get());
  return UniqueFd(open(link.c_str(), O_RDONLY | O_CLOEXEC));
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
  const std::string_view calls(reinterpret_cast<const char*>(calls_.data()),
                               sizeof(gate::FastCall) * calls_.size());
  const std::string_view bytes(reinterpret_cast<const char*>(&identity), sizeof identity);
  char name[32];
  std::snprintf(name, sizeof name, "%016llx",
                static_cast<unsigned long long>(sum_of(bytes) ^ sum_of(calls)));
  return cache_ + "/" + name;
}

std::optional<std::vector<PatchSite>> PatchedCopies::read_list(const Identity& identity) const {
  if (cache_.empty()) return std::nullopt;
  const auto text = read_file(list_name(identity));
  constexpr std::size_t kHead = sizeof kFormat + sizeof(Identity) + sizeof(std::uint64_t);
  if (!text || text->size() < kHead || (text->size() - kHead) % sizeof(PatchSite) != 0) {
    return std::nullopt;
  }
  const std::string_view body = std::string_view(*text).substr(sizeof(std::uint64_t));
  std::uint64_t sum = 0;
  std::memcpy(&sum, text->data(), sizeof sum);
  if (sum != sum_of(body) || std::memcmp(body.data(), kFormat, sizeof kFormat) != 0 ||
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
  if (cache_.empty() || sites.size() > kMostSites) return;
  make_folders(cache_);
  std::string body(kFormat, sizeof kFormat);
  body.append(reinterpret_cast<const char*>(&identity), sizeof identity);
  body.append(reinterpret_cast<const char*>(sites.data()), sites.size_bytes());
  const std::uint64_t sum = sum_of(body);
  body.insert(0, reinterpret_cast<const char*>(&sum), sizeof sum);
  // Another session may write the same one: each its own file, renamed when it is whole.
  std::string path = cache_ + "/new-XXXXXX";
  UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file) return;
  const bool whole = write_whole(file.get(), std::as_bytes(std::span(body.data(), body.size())), 0);
  if (!whole || rename(path.c_str(), list_name(identity).c_str()) != 0) {
    (void)unlink(path.c_str());
    return;
  }
  drop_oldest_lists();
}

void PatchedCopies::drop_oldest_lists() const {
  DIR* folder = opendir(cache_.c_str());
  if (folder == nullptr) return;
  std::vector<std::pair<time_t, std::string>> lists;
  while (const dirent* entry = readdir(folder)) {
    struct stat status {};
    const std::string path = cache_ + "/" + entry->d_name;
    if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      lists.emplace_back(status.st_mtime, path);
    }
  }
  closedir(folder);
  if (lists.size() <= kMostLists) return;
  std::sort(lists.begin(), lists.end());
  for (std::size_t i = 0; i < lists.size() - kMostLists; ++i)
    (void)unlink(lists[i].second.c_str());
}

}  // namespace nestp
