#include "engine/ptrace/special/socket_memory.h"

#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nestp {
namespace {

constexpr std::size_t kMostNames = 8192;
constexpr std::size_t kMostDirectories = 64;
constexpr std::size_t kMostFamilies = 4096;
// Inode numbers of sockets come around after 2^32 of them: not within this time.
constexpr std::chrono::seconds kFamilyLife{60};

/// Where the last component begins: what follows may end in slashes, as "s/".
std::size_t last_component(const std::string& host) {
  std::size_t end = host.size();
  while (end > 1 && host[end - 1] == '/')
    --end;
  return host.rfind('/', end - 1) + 1;
}

bool is_same_directory(int descriptor, const std::string& host) {
  struct stat opened {};
  const auto now = stat_of(host);
  return now && fstat(descriptor, &opened) == 0 && opened.st_dev == now->st_dev &&
         opened.st_ino == now->st_ino;
}

/// A copy of a descriptor of another process; none before Linux 5.6.
UniqueFd copy_of(pid_t process, int descriptor) {
  const UniqueFd owner(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  if (!owner) return {};
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, owner.get(), descriptor, 0)));
}

}  // namespace

std::string SocketNames::remember(const std::string& host, const std::string& guest) {
  std::string text = host;
  for (;;) {
    const auto found = guest_texts_.find(text);
    if (found == guest_texts_.end()) break;
    if (found->second == guest) return text;
    if (text.size() == kMaxText) {
      found->second = guest;
      return text;
    }
    // One slash more is another text for the same file.
    text.insert(text.find('/'), 1, '/');
  }
  if (order_.size() == kMostNames) {
    guest_texts_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(text);
  guest_texts_.emplace(text, guest);
  return text;
}

const std::string* SocketNames::find(const std::string& kernel_text) const {
  const auto found = guest_texts_.find(kernel_text);
  return found == guest_texts_.end() ? nullptr : &found->second;
}

SysResult<std::string> SocketDirectories::shorten(const std::string& host) {
  const std::size_t name = last_component(host);
  const std::string directory = host.substr(0, name);
  const auto through = [&](const Entry& entry) {
    return shared_link(entry.descriptor.get()) + "/" + host.substr(name);
  };
  for (Entry& entry : entries_) {
    if (entry.host != directory) continue;
    if (is_same_directory(entry.descriptor.get(), directory)) return through(entry);
    entry.host.clear();  // renamed or replaced; a call under way may still need the descriptor
  }
  auto opened = open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  if (!opened) return opened.error();
  if (entries_.size() == kMostDirectories) entries_.pop_front();
  entries_.push_back({directory, std::move(*opened)});
  return through(entries_.back());
}

bool SocketFamilies::is_other(pid_t thread, pid_t process, int descriptor) {
  constexpr std::string_view kSocket = "socket:[";
  char text[64];
  const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor);
  const ssize_t size = readlink(link.c_str(), text, sizeof text - 1);
  if (size < 0) return false;
  text[size] = '\0';
  if (!std::string_view(text).starts_with(kSocket)) return false;
  const std::uint64_t inode = std::strtoull(text + kSocket.size(), nullptr, 10);
  const auto now = std::chrono::steady_clock::now();
  if (const auto known = by_inode_.find(inode); known != by_inode_.end()) {
    if (now - known->second.known_since < kFamilyLife) return known->second.is_other;
  }
  // The process's leader may have descriptors of its own: only the inode tells.
  const UniqueFd copy = copy_of(process, descriptor);
  struct stat status {};
  if (!copy || fstat(copy.get(), &status) != 0 || status.st_ino != inode) return false;
  int family = AF_UNIX;
  socklen_t length = sizeof family;
  if (getsockopt(copy.get(), SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) return false;
  if (by_inode_.size() >= kMostFamilies) by_inode_.clear();
  by_inode_.insert_or_assign(inode, Fact{family != AF_UNIX, now});
  return family != AF_UNIX;
}

}  // namespace nestp
