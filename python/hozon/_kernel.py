"""The process that runs a notebook's cells: `python -m hozon._kernel READ WRITE`.

Speaks lines of JSON over two pipes whose descriptors are given. The first line is the settings:

    path               the notebook's file; its folder is sys.path[0]
    working_directory  where the cells run
    arguments          sys.argv[1:]
    class              "module:name" of what answers; default "hozon._cells:Notebook"

The class is called with the settings (its instance may have an attribute `on_shown`, which is set to a
function that sends `{"event": "shown", "output": {...}}`). Then each line is a request, `answer(request)`
gives the reply. An exception of either is the reply `{"error": "traceback"}`.
"""
