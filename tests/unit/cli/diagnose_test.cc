#include "cli/diagnose.h"

#include <cerrno>
#include <cstring>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

constexpr std::array kX86Machine = {&kAbiX64, &kAbiX86};

std::string program_error(const ProgramFacts& facts, StartFailure failure) {
  const auto error = diagnose_program(facts, kX86Machine);
  REQUIRE(error.has_value());
  CHECK(error->failure == failure);
  CHECK(error->error.message.find('\n') == std::string::npos);
  return error->error.message;
}

/// A program that nothing is wrong with.
ProgramFacts good_program() {
  return {.path = "/bin/sh",
          .host = "/srv/root/bin/sh",
          .is_executable = true,
          .head = {.kind = ProgramHead::Kind::elf,
                   .machine = 62,
                   .elf_class = 2,
                   .interpreter = "/lib64/ld-linux-x86-64.so.2"}};
}

TEST_CASE("a usable root file system and program give no error", "[cli][diagnose]") {
  CHECK(!diagnose_rootfs({.path = "/srv", .is_directory = true, .is_searchable = true}));
  CHECK(!diagnose_program(good_program(), kX86Machine));
  ProgramFacts unreadable = good_program();
  unreadable.is_readable = false;
  unreadable.head = {};
  CHECK(!diagnose_program(unreadable, kX86Machine));
  CHECK(!diagnose_tracing({}));
}

TEST_CASE("root file systems that cannot be used", "[cli][diagnose]") {
  const auto message = [](const RootfsFacts& facts) {
    const auto error = diagnose_rootfs(facts);
    REQUIRE(error.has_value());
    CHECK(error->failure == StartFailure::general);
    return error->error.message;
  };
  CHECK(message({.path = "/x", .error = ENOENT}) ==
        "root file system \"/x\" does not exist; give -r the directory in which one is unpacked");
  CHECK(message({.path = "/x", .error = EACCES}) ==
        "root file system \"/x\": Permission denied; give -r a directory that you may enter");
  CHECK(message({.path = "a.tar"}) ==
        "root file system \"a.tar\" is not a directory; unpack it and give -r the directory");
  CHECK(message({.path = "/x", .is_directory = true}) ==
        "root file system \"/x\": Permission denied; ask its owner for search permission "
        "(chmod a+x)");
}

TEST_CASE("programs that are not there are 127", "[cli][diagnose]") {
  CHECK(program_error({.path = "/bin/x", .error = ENOENT}, StartFailure::not_found) ==
        "\"/bin/x\" does not exist in the guest; check the name, or bind it");
  CHECK(missing_shell("/srv").failure == StartFailure::not_found);
  CHECK(missing_command("x", "/bin").error.message ==
        "\"x\" is in no directory of the guest's PATH (/bin); install it in the guest, or set PATH "
        "by --env=PATH=...");
}

TEST_CASE("programs that cannot run are 126", "[cli][diagnose]") {
  ProgramFacts facts = good_program();
  SECTION("unreachable") {
    facts.error = EACCES;
    CHECK(program_error(facts, StartFailure::not_executable) ==
          "\"/bin/sh\": Permission denied; check the directories that lead to it");
  }
  SECTION("directory") {
    facts.is_directory = true;
    CHECK(program_error(facts, StartFailure::not_executable) ==
          "\"/bin/sh\" is a directory; name a program in it");
  }
  SECTION("mode") {
    facts.is_executable = false;
    CHECK(program_error(facts, StartFailure::not_executable)
              .starts_with("\"/bin/sh\" is not executable for this user; chmod +x it"));
  }
  SECTION("noexec") {
    facts.on_noexec_mount = true;
    CHECK(program_error(facts, StartFailure::not_executable)
              .starts_with("\"/bin/sh\" is on a file system mounted noexec "
                           "(\"/srv/root/bin/sh\" on the host); move"));
  }
  SECTION("foreign machine") {
    facts.head.machine = 183;
    CHECK(program_error(facts, StartFailure::not_executable) ==
          "\"/bin/sh\" is a program for arm64 and this machine runs x86_64 and i386; install "
          "the package that holds qemu-aarch64-static (qemu-user-static of Debian), or name an "
          "emulator by -q");
    facts.has_emulator = true;
    CHECK_FALSE(diagnose_program(facts, kX86Machine));
  }
  SECTION("x32: the right machine in the wrong class") {
    facts.head.elf_class = 1;
    CHECK(program_error(facts, StartFailure::not_executable).find("is a program for x32") !=
          std::string::npos);
  }
  SECTION("missing ELF interpreter") {
    facts.has_interpreter = false;
    CHECK(program_error(facts, StartFailure::not_executable)
              .starts_with("\"/bin/sh\" needs the ELF interpreter "
                           "\"/lib64/ld-linux-x86-64.so.2\", which the guest lacks; install"));
  }
  SECTION("missing script interpreter") {
    facts.has_interpreter = false;
    facts.head = {.kind = ProgramHead::Kind::script, .interpreter = "/bin/zsh"};
    CHECK(program_error(facts, StartFailure::not_executable)
              .starts_with("\"/bin/sh\" needs the interpreter \"/bin/zsh\", which"));
  }
  SECTION("neither") {
    facts.head = {};
    CHECK(program_error(facts, StartFailure::not_executable)
              .starts_with("\"/bin/sh\" is neither an ELF program nor a script"));
  }
}

TEST_CASE("tracing that is forbidden names who forbids it", "[cli][diagnose]") {
  const auto message = [](const TracingFacts& facts) {
    const auto error = diagnose_tracing(facts);
    REQUIRE(error.has_value());
    CHECK(error->message.find('\n') == std::string::npos);
    return error->message;
  };
  CHECK(message({.trace_error = EPERM, .yama_scope = 1, .tracer = 12, .tracer_name = "strace"}) ==
        "ptrace is taken: process 12 (strace) traces nestp already; start nestp outside of it");
  CHECK(
      message({.trace_error = EPERM, .yama_scope = 2}).find("sysctl kernel.yama.ptrace_scope=1") !=
      std::string::npos);
  CHECK(message({.trace_error = EPERM, .yama_scope = 3}).find("next boot") != std::string::npos);
  CHECK(message({.trace_error = EPERM, .filtered = true}).find("--cap-add=SYS_PTRACE") !=
        std::string::npos);
  CHECK(message({.trace_error = EPERM, .yama_scope = 1}).find("security module") !=
        std::string::npos);
  CHECK(message({.trace_error = ENOSYS}).find("Linux 4.8") != std::string::npos);
  CHECK(message({.filter_error = EINVAL}).find("PROOT_NO_SECCOMP=1") != std::string::npos);
  // Facts that would explain a failure are no failure.
  CHECK(!diagnose_tracing({.yama_scope = 2, .filtered = true, .tracer = 12}));
}

TEST_CASE("the status file tells of tracer and filter", "[cli][diagnose]") {
  TracingFacts facts;
  parse_status("Name:\tx\nTracerPid:\t42\nSeccomp:\t2\nSeccomp_filters:\t1\n", facts);
  CHECK(facts.tracer == 42);
  CHECK(facts.filtered);
  parse_status("Name:\tx\nTracerPid:\t0\nSeccomp:\t0\n", facts);
  CHECK(facts.tracer == 0);
  CHECK(!facts.filtered);
  parse_status("", facts);
  CHECK(facts.tracer == 0);
}

TEST_CASE("the head of this program, of a script, of noise", "[cli][diagnose]") {
  const auto self = read_program_head("/proc/self/exe");
  REQUIRE(self.has_value());
  CHECK(self->kind == ProgramHead::Kind::elf);
  CHECK(self->machine == host_abis().front()->elf_machine);
  CHECK(parse_program_head("#! /bin/sh -e\n").interpreter == "/bin/sh");
  CHECK(parse_program_head("#!/bin/sh\n").kind == ProgramHead::Kind::script);
  CHECK(parse_program_head("\177ELF").kind == ProgramHead::Kind::unknown);
  CHECK(parse_program_head("echo hello\n").kind == ProgramHead::Kind::unknown);
  CHECK(parse_program_head("").kind == ProgramHead::Kind::unknown);
  CHECK(!read_program_head("/nonexistent").has_value());
  CHECK(!read_program_head("/").has_value());
}

TEST_CASE("machines have names", "[cli][diagnose]") {
  CHECK(name_of_machine(62) == "x86_64");
  CHECK(name_of_machine(243) == "riscv64");
  CHECK(name_of_machine(9999) == "machine 9999");
}

TEST_CASE("facts of real directories and of tracing here", "[cli][diagnose]") {
  CHECK(read_rootfs_facts("/").is_searchable);
  CHECK(read_rootfs_facts("/nonexistent").error == ENOENT);
  CHECK(!read_rootfs_facts("/proc/self/exe").is_directory);
  const TracingFacts facts = probe_tracing();
  if (facts.trace_error == 0) CHECK(facts.filter_error == 0);
}

}  // namespace
}  // namespace nestp
