// An i386 program without a library that traces a child of its own: the requests with layouts
// that differ from x86_64's.
//
// Exit status: 42 if all went well, else the number of the failed step.
namespace {

constexpr int kExit = 1, kFork = 2, kWaitPid = 7, kGetPid = 20, kPtrace = 26, kAccess = 33,
              kKill = 37, kWaitId = 284;
constexpr int kTraceMe = 0, kPeekData = 2, kPeekUser = 3, kPokeData = 5, kPokeUser = 6, kCont = 7,
              kGetRegisters = 12, kSyscall = 24, kSetOptions = 0x4200, kGetEventMessage = 0x4201,
              kGetSignalInfo = 0x4202, kGetRegisterSet = 0x4204;
constexpr int kStop = 19, kCallStop = 0x85, kExited = 4;
constexpr int kEbx = 0, kEip = 12, kOrigEax = 11, kEsp = 15, kEax = 6;  // words of the registers

int call(int number, long one = 0, long two = 0, long three = 0, long four = 0, long five = 0) {
  int result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(one), "c"(two), "d"(three), "S"(four), "D"(five)
               : "memory");
  return result;
}

long address(const volatile void* pointer) { return reinterpret_cast<long>(pointer); }

const char kPath[] = "/etc/passwd", kOther[] = "/no/such";
volatile int cell = 11;

[[noreturn]] void be_traced() {
  if (call(kPtrace, kTraceMe) != 0) call(kExit, 1);
  call(kKill, call(kGetPid), kStop);
  if (cell != 22) call(kExit, 2);
  if (call(kAccess, address(kPath)) != 0) call(kExit, 3);
  if (call(kAccess, address(kPath)) != -2) call(kExit, 4);  // ENOENT: changed on the way
  call(kExit, 5);
  __builtin_unreachable();
}

bool next_stop(int child, int wanted) {
  int status = 0;
  return call(kWaitPid, child, address(&status), 0x40000000) == child && (status & 0xff) == 0x7f &&
         status >> 8 == wanted;
}

/// Goes on to the entry of the next access(2).
bool to_access(int child, int* registers) {
  for (int i = 0; i < 100; ++i) {
    if (call(kPtrace, kSyscall, child) != 0 || !next_stop(child, kCallStop)) return false;
    if (call(kPtrace, kGetRegisters, child, 0, address(registers)) != 0) return false;
    if (registers[kOrigEax] == kAccess && registers[kEax] == -38) return true;
  }
  return false;
}

int steps() {
  const int child = call(kFork);
  if (child == 0) be_traced();
  if (!next_stop(child, kStop)) return 1;
  int info[32] = {};
  if (call(kPtrace, kGetSignalInfo, child, 0, address(info)) != 0) return 2;
  if (info[0] != kStop || info[2] != 0 || info[3] != child) return 3;
  int word = 0;
  if (call(kPtrace, kPeekData, child, address(&cell), address(&word)) != 0 || word != 11) return 4;
  if (call(kPtrace, kPokeData, child, address(&cell), 22) != 0) return 5;
  if (call(kPtrace, kSetOptions, child, 0, 1) != 0) return 6;  // TRACESYSGOOD
  int registers[17] = {};
  if (!to_access(child, registers) || registers[kEbx] != address(kPath)) return 7;
  if (call(kPtrace, kPeekUser, child, kEip * 4, address(&word)) != 0) return 8;
  if (word != registers[kEip] || registers[kEsp] == 0) return 9;
  int set[17] = {}, area[2] = {static_cast<int>(address(set)), sizeof set};
  if (call(kPtrace, kGetRegisterSet, child, 1, address(area)) != 0) return 10;
  if (area[1] != sizeof set || set[kEbx] != registers[kEbx]) return 11;
  if (call(kPtrace, kGetEventMessage, child, 0, address(&word)) != 0) return 12;
  if (call(kPtrace, kSyscall, child) != 0 || !next_stop(child, kCallStop)) return 13;
  if (call(kPtrace, kGetRegisters, child, 0, address(registers)) != 0) return 14;
  if (registers[kEax] != 0 || registers[kEbx] != address(kPath)) return 15;
  if (!to_access(child, registers)) return 16;
  if (call(kPtrace, kPokeUser, child, kEbx * 4, address(kOther)) != 0) return 17;
  if (call(kPtrace, kCont, child) != 0) return 18;
  if (call(kWaitId, 1, child, address(info), kExited, 0) != 0) return 19;
  if (info[0] != 17 || info[2] != 1 || info[3] != child || info[5] != 5) return 20 + info[5];
  return 42;
}

}  // namespace

extern "C" [[noreturn]] void begin() {
  call(kExit, steps());
  __builtin_unreachable();
}

asm(".globl _start\n_start: and $-16, %esp\n call begin\n");
