// resolve() and the kernel's own walk, on random trees and random paths, must
// name the same files and give the same errors.
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <iostream>
#include <linux/openat2.h>
#include <random>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "fs/fd.h"
#include "fs/resolve.h"
#include "tests/unit/fs/temp_tree.h"

namespace nestp {
namespace {

struct Answer {
  int error = 0;
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  return out << "{error " << answer.error << ", inode " << answer.inode << "}";
}

Answer answer_of(int fd) {
  if (fd < 0) return {.error = errno};
  const UniqueFd closer(fd);
  struct stat status {};
  REQUIRE(::fstat(fd, &status) == 0);
  return {.device = status.st_dev, .inode = status.st_ino};
}

Answer open_plainly(int directory, const std::string& path, bool follow, std::uint64_t flags = 0) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | static_cast<std::uint64_t>(follow ? 0 : O_NOFOLLOW);
  how.resolve = flags;
  long fd = 0;
  do {  // EAGAIN: somebody renamed something while ".." was walked
    fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  } while (fd < 0 && errno == EAGAIN);
  return answer_of(static_cast<int>(fd));
}

/// Random trees and texts from one seed.
class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}

  unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }

  std::string name() { return std::string(1, static_cast<char>('a' + below(5))); }

  std::string path(unsigned most) {
    std::string text;
    if (below(3) == 0) text += below(8) == 0 ? "//" : "/";
    const unsigned count = 1 + below(most);
    for (unsigned i = 0; i < count; ++i) {
      if (i > 0) text += below(12) == 0 ? "//" : "/";
      text += component();
    }
    if (below(6) == 0) text += '/';
    return text;
  }

  void fill(const std::string& directory, unsigned depth) {
    const unsigned count = 3 + below(4);
    for (unsigned i = 0; i < count; ++i) {
      const std::string entry = directory + "/" + name();
      const unsigned kind = below(10);
      if (kind < 4 && depth > 0) {
        if (::mkdir(entry.c_str(), 0755) == 0) fill(entry, depth - 1);
      } else if (kind < 6) {
        (void)open_at(AT_FDCWD, entry, O_CREAT | O_WRONLY, 0644);
      } else {
        (void)!::symlink(path(4).c_str(), entry.c_str());
      }
    }
  }

 private:
  std::string component() {
    const unsigned kind = below(40);
    if (kind < 7) return "..";
    if (kind < 10) return ".";
    if (kind == 10) return std::string(255, 'n');
    if (kind == 11) return std::string(256, 'n');
    return name();
  }

  std::mt19937 engine_;
};

unsigned fresh_seed() {
  if (const char* given = std::getenv("NESTP_TEST_SEED")) {
    return static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  }
  return std::random_device{}();
}

Answer open_resolved(Resolver& resolver, const ResolveFrom& from, const std::string& text,
                     LastLink last, ResolveFlags flags = 0) {
  const auto found = resolver.resolve(from, text, last, flags);
  if (!found) return {.error = found.error().code()};
  const bool follow = last == LastLink::follow;
  const Answer answer = open_plainly(AT_FDCWD, found->host, follow);
  // A path that still holds links would be walked by the kernel in the wrong world.
  if (answer.error == 0) {
    CHECK(open_plainly(AT_FDCWD, found->host, follow, RESOLVE_NO_SYMLINKS) == answer);
  }
  if (found->unchanged && from.base) {
    const auto base = open_at(AT_FDCWD, from.view.to_host(*from.base).text(), O_PATH);
    REQUIRE(base);
    CHECK(open_plainly(base->get(), text, follow) == answer);
  }
  return answer;
}

TEST_CASE("paths lead where the kernel leads them below a root", "[fs][resolve]") {
  const unsigned seed = fresh_seed();
  std::cout << "# seed " << seed << std::endl;
  CAPTURE(seed);
  Chance chance(seed);
  for (int round = 0; round < 100; ++round) {
    const TempTree tree;
    chance.fill(tree.path(), 4);
    const auto root = open_at(AT_FDCWD, tree.path(), O_PATH | O_DIRECTORY);
    const auto view =
        View::make({{.host = *HostPath::parse(tree.path()), .guest = GuestPath::root()}});
    const ResolveFrom from{.view = *view, .root = GuestPath::root(), .base = GuestPath::root()};
    PathCache cache;
    Resolver resolver(cache);
    for (int i = 0; i < 200; ++i) {
      const std::string text = chance.path(8);
      const LastLink last = chance.below(2) == 0 ? LastLink::follow : LastLink::keep;
      const Answer expected =
          open_plainly(root->get(), text, last == LastLink::follow, RESOLVE_IN_ROOT);
      CAPTURE(round, text, static_cast<int>(last), tree.path());
      REQUIRE(open_resolved(resolver, from, text, last) == expected);
      if (text.front() != '/') {
        const Answer beneath =
            open_plainly(root->get(), text, last == LastLink::follow, RESOLVE_BENEATH);
        REQUIRE(open_resolved(resolver, from, text, last, RESOLVE_BENEATH) == beneath);
      }
    }
  }
}

struct Question {
  std::string text;
  std::string base;  ///< guest directory
  LastLink last;
};

constexpr std::size_t kQuestions = 500;

/// Answers all questions in a real chroot with real bind mounts; false if that is forbidden here.
bool ask_chroot(const TempTree& tree, const std::vector<Binding>& bindings,
                const std::vector<Question>& questions, Answer* answers) {
  const pid_t child = ::fork();
  if (child == 0) {
    // What the reporter has not written yet is the parent's to write.
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                 ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const std::string root = tree.at("/root");
    for (const Binding& binding : bindings) {
      const std::string place = root + (binding.guest.is_root() ? "" : binding.guest.text());
      ready = ready &&
              ::mount(binding.host.text().c_str(), place.c_str(), nullptr, MS_BIND, nullptr) == 0;
    }
    ready = ready && ::chroot(root.c_str()) == 0;
    if (!ready) ::_exit(77);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      if (::chdir(question.base.c_str()) != 0) ::_exit(1);
      const int flags = question.last == LastLink::follow ? O_PATH : O_PATH | O_NOFOLLOW;
      answers[i] = answer_of(::open(question.text.c_str(), flags | O_CLOEXEC));
    }
    ::_exit(0);
  }
  REQUIRE(child >= 0);  // by the parent alone: the reporter counts
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
  REQUIRE(status == 0);
  return true;
}

/// Random directories of `tree` bound at random directories of its root.
std::vector<Binding> make_bindings(const TempTree& tree, Chance& chance) {
  std::vector<Binding> bindings{
      {.host = *HostPath::parse(tree.at("/root")), .guest = GuestPath::root()}};
  for (const char* place : {"/m", "/m/x", "/n"}) {
    const std::string source = chance.below(2) == 0 ? "/s" : "/t";
    ::mkdir(tree.at("/root" + std::string(place)).c_str(), 0755);
    ::mkdir(tree.at(source + "/x").c_str(), 0755);
    bindings.push_back(
        {.host = *HostPath::parse(tree.at(source)), .guest = *GuestPath::parse(place)});
  }
  return bindings;
}

TEST_CASE("paths lead where a chroot with bind mounts leads them", "[fs][resolve]") {
  const unsigned seed = fresh_seed();
  std::cout << "# seed " << seed << std::endl;
  CAPTURE(seed);
  Chance chance(seed);
  void* shared = ::mmap(nullptr, kQuestions * sizeof(Answer), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto* answers = static_cast<Answer*>(shared);
  for (int round = 0; round < 40; ++round) {
    const TempTree tree;
    for (const char* part : {"/root", "/s", "/t"}) {
      tree.directory(part);
      chance.fill(tree.at(part), 3);
      (void)!::symlink("m", tree.at(std::string(part) + "/e").c_str());
    }
    const auto bindings = make_bindings(tree, chance);
    std::vector<Question> questions;
    for (std::size_t i = 0; i < kQuestions; ++i) {
      std::string text = chance.path(8);
      for (char& letter : text) {
        if (letter == 'd') letter = "mnx"[chance.below(3)];
      }
      const char* bases[] = {"/", "/m", "/m/x", "/n"};
      questions.push_back({.text = text,
                           .base = bases[chance.below(4)],
                           .last = chance.below(2) == 0 ? LastLink::follow : LastLink::keep});
    }
    if (!ask_chroot(tree, bindings, questions, answers)) {
      WARN("skipped: no bind mounts for this user");
      break;
    }
    const auto view = View::make(bindings);
    PathCache cache;
    Resolver resolver(cache);
    for (std::size_t i = 0; i < kQuestions; ++i) {
      const Question& question = questions[i];
      const ResolveFrom from{
          .view = *view, .root = GuestPath::root(), .base = *GuestPath::parse(question.base)};
      CAPTURE(round, question.text, question.base, static_cast<int>(question.last), tree.path());
      REQUIRE(open_resolved(resolver, from, question.text, question.last) == answers[i]);
    }
  }
  ::munmap(shared, kQuestions * sizeof(Answer));
}

}  // namespace
}  // namespace nestp
