#include "cli/junest/setup.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/image/archive_reader.h"
#include "cli/image/download.h"
#include "cli/image/tree_writer.h"
#include "cli/junest/wrappers.h"
#include "cli/output.h"
#include "cli/remove_all.h"
#include "fs/fd.h"
#include "fs/proc_escape.h"
#include "fs/session_directory.h"

namespace nestp::junest {
namespace {

constexpr std::array<std::string_view, 4> kArchs = {"x86_64", "x86", "arm", "aarch64"};
constexpr const char* kRepository = "https://pub-a2af2344e8554f6c807bc3db355ae622.r2.dev/junest";

Error failure(const std::string& path) { return {path + ": " + std::strerror(errno)}; }

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<> make_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return failure(part);
    if (at == std::string::npos) return Done{};
  }
}

/// A directory of one's own for what is being downloaded; kept until the image is installed.
Result<std::string> download_directory(const Place& place) {
  std::string path = place.temporary + "/junest-" + std::to_string(place.uid);
  struct stat status {};
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failure(path);
  if (::lstat(path.c_str(), &status) != 0) return failure(path);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return Error{path + " is somebody else's; set JUNEST_TEMPDIR to a directory of your own"};
  }
  return path;
}

/// The checksum that is published beside an image: "HEX  NAME" at URL.sha256; empty if none is.
std::string published_sum(const std::string& url) {
  if (url.starts_with("file:")) return {};
  const auto answer = fetch(url + ".sha256", {});
  if (!answer || answer->status != 200) return {};
  const std::string sum = answer->body.substr(0, 64);
  const bool is_sum =
      sum.size() == 64 && sum.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_sum ? sum : std::string();
}

Result<std::string> fetch_image(const Place& place, const CommandLine& line,
                                const std::string& arch) {
  const auto directory = download_directory(place);
  if (!directory) return directory.error();
  std::string url = line.url.empty() ? variable("JUNEST_URL") : line.url;
  if (url.empty()) {
    const std::string repository = variable("JUNEST_REPO");
    url = (repository.empty() ? kRepository : repository) + "/junest-" + arch + ".tar.gz";
  }
  DownloadRequest request{.url = url,
                          .path = *directory + "/junest-" + arch + ".tar.gz",
                          .sha256 = line.sha256.empty() ? variable("JUNEST_SHA256") : line.sha256,
                          .progress = show_progress("junest-" + arch)};
  say_info("Downloading " + url);
  if (request.sha256.empty()) request.sha256 = published_sum(url);
  if (request.sha256.empty()) say_info("No checksum is known for it");
  if (const auto done = download(request); !done) return done.error();
  return request.path;
}

/// Holds a directory for setup alone, as long as it lives.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    if (fd_) remove_tree(AT_FDCWD, path_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  Result<> make() {
    if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return failure(path_);
    auto fd = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) return Error{path_ + ": " + std::strerror(fd.error().code())};
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
      return Error{"another setup is at work in " + path_ + "; wait for it"};
    }
    // What a killed one has left; its download is kept elsewhere.
    remove_tree(AT_FDCWD, path_);
    if (::mkdir(path_.c_str(), 0700) != 0) return failure(path_);
    fd = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd || ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
      return Error{"another setup is at work in " + path_ + "; wait for it"};
    }
    fd_ = std::move(*fd);
    return Done{};
  }

  /// It becomes `final`, which is absent or empty.
  Result<> become(const std::string& final) {
    if (::chmod(path_.c_str(), 0755) != 0) return failure(path_);
    if (::rename(path_.c_str(), final.c_str()) != 0) return failure(final);
    fd_.reset();
    return Done{};
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

Result<> install(const Place& place, const std::string& archive) {
  const std::size_t slash = place.home.rfind('/');
  if (slash > 0) {
    if (auto done = make_directories(place.home.substr(0, slash)); !done) return done;
  }
  const std::string unfinished_path = place.home + ".unfinished";
  Unfinished unfinished(unfinished_path);
  if (auto done = unfinished.make(); !done) return done;
  auto reader = ArchiveReader::open_file(archive);
  if (!reader) return reader.error();
  auto notes = owner_notes(unfinished_path);
  const auto left_out = unpack(*reader, unfinished_path, Owners::own, notes.get());
  notes.reset();
  if (!left_out) return left_out.error();
  if (*left_out > 0) {
    say_info(std::to_string(*left_out) + " device files were left out; the host's are shown");
  }
  if (::access((unfinished_path + "/usr").c_str(), F_OK) != 0 &&
      ::access((unfinished_path + "/bin").c_str(), F_OK) != 0) {
    return Error{"the archive holds no root file system: it has neither /usr nor /bin"};
  }
  if (auto done = unfinished.become(place.home); !done) return done;
  // There only if the file system has no attributes.
  (void)::rename(owner_database(unfinished_path).c_str(), owner_database(place.home).c_str());
  return Done{};
}

bool is_yes(std::string_view answer) {
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "YES" || answer == "Yes";
}

std::string read_line() {
  std::string line;
  char letter = 0;
  while (::read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n')
    line += letter;
  return line;
}

/// The first mount point at or below `path`; empty if there is none.
std::string mount_below(const std::string& path) {
  const auto table = read_file("/proc/self/mountinfo");
  std::string_view rest = table ? std::string_view(*table) : std::string_view();
  std::string found;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    for (int field = 0; field < 4; ++field)
      line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    std::string point = unescape_name(line.substr(0, line.find(' ')));
    if (point == path) {
      found = found.empty() ? point : found;
    } else if (point.starts_with(path + "/")) {
      return point;
    }
  }
  return found;
}

}  // namespace

int set_up(const Place& place, const CommandLine& line) {
  if (!line.arch.empty() && std::ranges::find(kArchs, line.arch) == kArchs.end()) {
    return fail("'" + line.arch + "' is none of x86_64, x86, arm, aarch64", exit_unknown_arch);
  }
  if (is_installed(place)) {
    return fail("there is something in " + place.home + " already; run: junest setup --delete");
  }
  if (!line.from_file.empty() && ::access(line.from_file.c_str(), F_OK) != 0) {
    return fail(line.from_file + ": " + std::strerror(errno), exit_no_file);
  }
  const std::string arch = line.arch.empty() ? place.arch : line.arch;
  std::string archive = line.from_file;
  if (archive.empty()) {
    if (arch.empty()) return fail("there is no image for this machine; name one with --arch");
    const auto fetched = fetch_image(place, line, arch);
    if (!fetched) return fail(fetched.error().message);
    archive = *fetched;
  } else {
    say_info("Installing from " + archive);
    if (!line.sha256.empty()) {
      const auto sum = sha256_of_file(archive);
      if (!sum) return fail(sum.error().message);
      if (*sum != line.sha256) return fail(archive + ": the checksum is " + *sum);
    }
  }
  if (const auto done = install(place, archive); !done) {
    return fail(done.error().message + "; nothing was installed");
  }
  if (line.from_file.empty()) {
    (void)::unlink(archive.c_str());
    if (const auto directory = download_directory(place)) (void)::rmdir(directory->c_str());
  }
  refresh_wrappers_quietly(place);
  say_info("Installed in " + place.home);
  if (::access((place.home + "/usr/bin/pacman").c_str(), F_OK) == 0) {
    say_info("To refresh its package lists: junest -- sudo pacman -Sy");
  }
  return 0;
}

int remove_image(const Place& place) {
  if (!is_installed(place)) return fail("no image is installed in " + place.home);
  print("Delete " + place.home + " and all that is in it? [y/N] ");
  if (!is_yes(read_line())) return 0;
  const auto lock = open_at(AT_FDCWD, place.home, O_RDONLY | O_DIRECTORY);
  if (!lock) return fail(place.home + ": " + std::strerror(lock.error().code()));
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    return fail("there are sessions in " + place.home + "; leave them first");
  }
  if (mount_below(place.home) == place.home && ::umount2(place.home.c_str(), 0) != 0) {
    return fail("cannot unmount " + place.home + ": " + std::strerror(errno));
  }
  // A mount below may be the person's own home directory: it must not be emptied.
  if (const std::string point = mount_below(place.home); !point.empty()) {
    return fail(point + " is mounted inside the image; unmount it first");
  }
  if (!remove_all(place.home) && is_installed(place)) {
    return fail("cannot delete all of " + place.home + "; the rest belongs to other users");
  }
  (void)::unlink(owner_database(place.home).c_str());
  say_info("Deleted " + place.home);
  return 0;
}

}  // namespace nestp::junest
