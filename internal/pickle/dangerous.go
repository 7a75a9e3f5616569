package pickle

// danger is why a group of names is dangerous. The names are "module" for all
// of a module and of those below it, or "module:name" for one, with all that
// is reached through it.
//
// They are the union of what the scanners picklescan 1.0.5 (scanner.py,
// _unsafe_globals), modelscan 0.8.8 (settings.py, unsafe_globals), fickling
// 0.1.12 (fickle.py, UNSAFE_IMPORTS; analysis.py, UnsafeImportsML) and
// modelaudit (suspicious_symbols.py) refuse, the allowlist's names aside, and
// what was seen to be missing there.
type danger struct {
	why   string
	names string
}

var dangers = []danger{
	{"it runs commands or starts processes", `
		os posix nt subprocess _posixsubprocess commands popen2 pty pexpect multiprocessing _multiprocessing concurrent
		platform _osx_support _aix_support uuid:_get_command_stdout uuid:_popen venv ensurepip pip setuptools distutils
		webbrowser antigravity pydoc _pyrepl test idlelib imaplib:IMAP4_stream nturl2path torch.utils.collect_env
		torch._inductor torch.utils.cpp_extension torch.utils.bottleneck torch.multiprocessing
		numpy.distutils numpy.f2py joblib.externals loky cgitb`},
	{"it runs Python code that is given as text or bytes", `
		builtins:eval builtins:exec builtins:compile builtins:execfile builtins:input builtins:breakpoint builtins:apply builtins:raw_input
		code codeop runpy types:CodeType types:FunctionType types:LambdaType types:MethodType types:ModuleType marshal
		doctest timeit trace profile cProfile pdb bdb lib2to3 compileall py_compile ast:literal_eval
		numpy.testing numpy._core._internal numpy.core._internal pandas.eval pandas:eval pandas.core.computation
		torch.jit torch._dynamo torch.compile torch:compile torch.fx torch.onnx torch.package torch.utils._config_module
		torch.jit.annotations sympy pyparsing numexpr cffi llvmlite unittest pytest IPython jedi`},
	{"it imports whatever name it is given", `
		importlib _frozen_importlib _frozen_importlib_external _imp imp pkgutil zipimport zipapp builtins:__import__ builtins:reload
		numpy.core:_ufunc_reconstruct numpy._core:_ufunc_reconstruct modulefinder site sitecustomize encodings codecs xml.dom.domreg
`},
	{"it reaches any attribute or calls any method, and so anything from something harmless", `
		builtins:getattr builtins:setattr builtins:delattr builtins:hasattr builtins:globals builtins:locals builtins:vars builtins:dir
		builtins:map builtins:filter builtins:memoryview builtins:super builtins:property builtins:classmethod builtins:staticmethod builtins:__build_class__
		operator _operator functools inspect gc sys types:DynamicClassAttribute types:coroutine
		itertools:starmap itertools:accumulate ctypes _ctypes __builtins__ torch.utils.data`},
	{"it unpickles or loads another file or string, which is not seen here", `
		pickle _pickle cPickle cloudpickle dill jsonpickle shelve joblib pandas.io pandas:read_pickle numpy:load numpy.lib
		torch:load torch.serialization torch.storage:_load_from_bytes torch.hub yaml ruamel srsly skops
		copyreg:add_extension copyreg:pickle copyreg:constructor sklearn.externals.joblib
		base64 binascii zlib lzma bz2 gzip xgboost.core:_deserialize`},
	{"it reads, writes or deletes files", `
		builtins:open builtins:file io:open io:FileIO io:open_code _io:FileIO _io:open _io:open_code shutil tempfile glob fileinput filecmp linecache
		mmap zipfile tarfile sqlite3 _sqlite3 dbm posixpath ntpath genericpath os.path fcntl
		numpy:fromfile numpy:loadtxt numpy:genfromtxt numpy:memmap numpy:save numpy:savez numpy:savetxt numpy:DataSource numpy.ctypeslib
		logging logging.config configparser csv netrc plistlib mailbox difflib
		pathlib:Path.unlink pathlib:Path.write_text pathlib:Path.open`},
	{"it opens connections", `
		socket _socket ssl _ssl http httplib urllib urllib2 urllib3 requests aiohttp httpx smtplib ftplib poplib imaplib nntplib telnetlib
		xmlrpc socketserver asyncio select selectors smtpd paramiko boto3 botocore fsspec s3fs huggingface_hub
		wsgiref cgi xml.sax xml.etree`},
	{"it changes how the process runs: signals, threads, exit handlers, the log", `
		signal _signal threading _thread thread atexit faulthandler resource syslog builtins:exit builtins:quit _xxsubinterpreters _interpreters sched readline rlcompleter`},
}
