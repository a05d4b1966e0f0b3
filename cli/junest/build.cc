#include "cli/junest/build.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "cli/child.h"
#include "cli/junest/enter.h"
#include "cli/junest/setup.h"
#include "cli/options.h"
#include "cli/run.h"
#include "cli/text_file.h"
#include "fs/fd.h"
#include "fs/session_directory.h"

namespace nestp::junest {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Owners, devices, chroot(2): what a package manager of the image needs.
constexpr const char* kCheck =
    "set -e; [ \"$(id -u)\" = 0 ]; touch /checked; chown 1:1 /checked; rm /checked; "
    "if [ -x /usr/bin/pacman ]; then pacman -Q pacman; fi; "
    "if [ -x /usr/bin/dpkg ]; then [ -z \"$(dpkg --audit)\" ]; fi";

bool is_program(const std::string& name) {
  std::string_view rest = kPath;
  while (!rest.empty()) {
    std::string path(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(path.size() + 1, rest.size()));
    path.append("/").append(name);
    if (::access(path.c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::string text_of(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : std::string();
}

/// Where the image grows; gone with this object.
class Workplace {
 public:
  explicit Workplace(const Place& place) : path_(place.temporary + "/junest-build.XXXXXX") {}
  ~Workplace() {
    if (is_made_) remove_tree(AT_FDCWD, path_);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  Result<> make() {
    if (::mkdtemp(path_.data()) == nullptr) return Error{path_ + ": " + std::strerror(errno)};
    is_made_ = true;
    // Programs of the image that are nobody's else reach it, too.
    if (::chmod(path_.c_str(), 0755) != 0 || ::mkdir(root().c_str(), 0755) != 0) {
      return Error{root() + ": " + std::strerror(errno)};
    }
    return Done{};
  }
  std::string path() const { return path_; }
  std::string root() const { return path_ + "/root"; }

 private:
  std::string path_;
  bool is_made_ = false;
};

/// Runs a program as seeming root, whose owners and devices are remembered, below `root`.
int run_as_root(const std::string& root, const Words& command) {
  Words words{"-0", "-r", root, "--on-exit", "kill", "--env", std::string("PATH=") + kPath};
  if (root != "/") words.insert(words.end(), {"-b", "/proc", "--dev", "-w", "/"});
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  const auto request = parse_options(Grammar::nestp, words);
  if (!request) return fail(request.error().message);
  return run_in_child([&] { return run_request(*request, Grammar::nestp); });
}

Result<Words> pacman_words(const Workplace& work, const CommandLine& line) {
  const std::string database = work.root() + "/var/lib/pacman";
  for (const char* const part : {"/var", "/var/lib", "/var/lib/pacman", "/var/log"}) {
    const std::string path = work.root() + part;
    if (::mkdir(path.c_str(), 0755) != 0) return Error{path + ": " + std::strerror(errno)};
  }
  Words words{"pacman",           "--root",
              work.root(),        "--dbpath",
              database,           "--cachedir",
              work.path() + "/c", "--noconfirm",
              "--logfile",        work.root() + "/var/log/pacman.log"};
  if (!line.mirror.empty()) {
    const std::string settings = work.path() + "/pacman.conf";
    if (auto done = write_text_file(settings, pacman_settings(line.mirror)); !done)
      return done.error();
    words.insert(words.end(), {"--config", settings});
  }
  words.insert(words.end(), {"-Sy", "pacman", "coreutils", "bubblewrap"});
  return words;
}

Words debian_words(const std::string& tool, const Workplace& work, const CommandLine& line) {
  Words words{tool, "--variant=minbase"};
  if (tool == "mmdebstrap") words.emplace_back("--mode=root");
  words.push_back(line.suite.empty() ? "stable" : line.suite);
  words.push_back(work.root());
  if (!line.mirror.empty()) words.push_back(line.mirror);
  return words;
}

/// What the image needs beside the packages, and what it does not.
Result<> finish(const Workplace& work, const Place& place, const std::string& tool) {
  const std::string root = work.root();
  const std::string etc = root + "/etc";
  for (const std::string& path : {etc, etc + "/junest", etc + "/profile.d"}) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
      return Error{path + ": " + std::strerror(errno)};
    }
  }
  if (auto done = write_text_file(etc + "/junest/info", "JUNEST_ARCH=" + place.arch + "\n");
      !done) {
    return done;
  }
  if (auto done =
          write_text_file(etc + "/profile.d/junest.sh", "export FAKEROOTDONTTRYCHOWN=true\n");
      !done) {
    return done;
  }
  const Words clean{"/bin/sh", "-c",
                    "rm -rf /var/cache/pacman/pkg/* /var/lib/apt/lists/* "
                    "/var/cache/apt/archives/*.deb /var/cache/apt/*.bin"};
  if (run_as_root(root, clean) != 0) say_warning("Warning: the package cache stays in the image");
  if (tool != "pacman") return Done{};
  const Words keys{"/bin/sh", "-c",
                   "command -v pacman-key >/dev/null || exit 0; pacman-key --init && "
                   "pacman-key --populate"};
  if (run_as_root(root, keys) != 0) {
    say_warning("Warning: the image has no keys; run there: pacman-key --init");
  }
  return Done{};
}

Result<> pack(const Workplace& work, const std::string& archive) {
  const std::string part = archive + ".part";
  const int code =
      run_as_root("/", {"tar", "--numeric-owner", "-C", work.root(), "-czf", part, "."});
  if (code != 0) {
    (void)::unlink(part.c_str());
    return Error{"tar failed with status " + std::to_string(code)};
  }
  if (::rename(part.c_str(), archive.c_str()) != 0) {
    return Error{archive + ": " + std::strerror(errno)};
  }
  return Done{};
}

/// Installs the image elsewhere, and tries what its users will do.
int check(const Workplace& work, const Place& place, const std::string& archive) {
  Place there = place;
  there.home = work.path() + "/check";
  say_info("Checking the image");
  if (const int code = set_up(there, {.action = Action::setup, .from_file = archive}); code != 0) {
    return code;
  }
  for (const Action action : {Action::proot, Action::ns}) {
    const CommandLine session{
        .action = action, .fakeroot = true, .command = {"/bin/sh", "-c", kCheck}};
    if (const int code = enter(there, session); code != 0) {
      return fail("a session in the image failed with status " + std::to_string(code) +
                  "; it is kept as " + archive);
    }
  }
  return 0;
}

}  // namespace

std::string choose_builder(std::string_view system, bool (*exists)(const std::string& program)) {
  const bool is_arch = ("\n" + std::string(system)).find("\nID=arch") != std::string::npos ||
                       system.find("ID_LIKE=arch") != std::string_view::npos;
  if (is_arch && exists("pacman")) return "pacman";
  for (const char* const tool : {"mmdebstrap", "debootstrap", "pacman"}) {
    if (exists(tool)) return tool;
  }
  return {};
}

std::string pacman_settings(const std::string& mirror) {
  std::string server = mirror;
  if (server.find("$repo") == std::string::npos) server += "/$repo/os/$arch";
  std::string text = "[options]\nArchitecture = auto\n";
  // What lies on this machine is as good as its owner; the rest is signed.
  text +=
      mirror.starts_with("file:") ? "SigLevel = Never\n" : "SigLevel = Required DatabaseOptional\n";
  for (const char* const name : {"core", "extra"})
    text += "\n[" + std::string(name) + "]\nServer = " + server + "\n";
  return text;
}

int build(const Place& place, const CommandLine& line) {
  if (place.uid == 0) return fail("build is not for root; run it as an ordinary user");
  if (place.arch.empty()) return fail("JuNest has no word for this machine's processor");
  const std::string tool =
      line.tool.empty() ? choose_builder(text_of("/etc/os-release"), is_program) : line.tool;
  if (tool != "pacman" && tool != "mmdebstrap" && tool != "debootstrap") {
    return fail(tool.empty() ? "no tool is there to build with; install pacman, mmdebstrap or "
                               "debootstrap"
                             : "'" + tool + "' is none of pacman, mmdebstrap, debootstrap");
  }
  if (!is_program(tool)) return fail(tool + " is not installed");
  char* const directory = ::getcwd(nullptr, 0);
  const std::string archive =
      std::string(directory == nullptr ? "." : directory) + "/junest-" + place.arch + ".tar.gz";
  std::free(directory);
  Workplace work(place);
  if (const auto made = work.make(); !made) return fail(made.error().message);
  say_info("Building by " + tool + " in " + work.path());
  const auto words =
      tool == "pacman" ? pacman_words(work, line) : Result<Words>(debian_words(tool, work, line));
  if (!words) return fail(words.error().message);
  if (const int code = run_as_root("/", *words); code != 0) {
    return fail(tool + " failed with status " + std::to_string(code));
  }
  if (const auto done = finish(work, place, tool); !done) return fail(done.error().message);
  if (const auto done = pack(work, archive); !done) return fail(done.error().message);
  if (line.check) {
    if (const int code = check(work, place, archive); code != 0) return code;
  }
  say_info("The image is " + archive + "; to install it: junest setup -i " + archive);
  return 0;
}

}  // namespace nestp::junest
